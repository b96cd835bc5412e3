"""Conditions of fixed examples, for games whose conditions include a picture or a label map."""

from __future__ import annotations

import numpy as np
import torch

from everymode.data.dataset import Dataset
from everymode.draws import Draws
from everymode.game import Batch, Condition, Game


def example_batch(game: Game, data: Dataset, indices: np.ndarray, random: Draws) -> tuple[Batch, Condition]:
    """Return real examples with the condition that the label source assigns, and the condition of their fakes.

    Args:
        game: a game whose label source needs examples.
        data: the dataset, or held-out data of the same kind.
        indices: [B], rows of the data.
        random: draws of these rows, on the device and in the precision of the game.
    """
    real = data.gather(indices, random.device, dtype=random.dtype)
    if game.labels.pairs:
        condition = data.gather_condition(indices, random.device, dtype=random.dtype)
    else:
        condition = data.gather_labels(indices, random.device)
    index = torch.from_numpy(np.asarray(indices)).to(random.device)
    batch = Batch(real, condition, index)
    batch = batch.with_condition(game.labels.assign(batch, game.discriminator, random))
    return batch, game.labels.for_fakes(batch, random)
