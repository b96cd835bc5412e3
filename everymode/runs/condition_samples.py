"""Pictures of a run whose images are generated from pictures or label maps: condition, fake and real side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.draws import Draws, Rows
from everymode.game import Condition, latent_codes
from everymode.labels.pairs import PairedCondition
from everymode.labels.targets import TargetLabels, changed_one_at_a_time, exclusive_blocks
from everymode.pictures import require_finite, save_grid
from everymode.runs.record import block_names
from everymode.sampling.condition_pictures import condition_pictures
from everymode.storage.run_folder import RunFolder
from everymode.training.examples import example_batch
from everymode.training.moves import in_eval_mode
from everymode.training.trainer import Trainer

EXAMPLES = 16
"""Examples in a picture."""
PER_ROW = 2
"""Examples in a row, if each has a condition, a fake and a real image."""


@torch.no_grad()
def draw_translations(
    trainer: Trainer, dataset: Dataset, held_out: Dataset | None, folder: RunFolder
) -> Path:
    """Write samples/step-NNNNNNN.png: fixed examples, held out if possible, with what the averaged generator makes.

    With label maps or pictures of lower resolution, each example is its condition, the fake and the real image. With
    attributes, each row is a real image, then a fake for each attribute value that can be changed.

    Raises:
        NotFinite: if a fake is not finite; nothing is written then.
    """
    data = dataset if held_out is None else held_out
    seed = trainer.recipe.seed
    rows = random_permutation(seed, "examples in pictures", 0, len(data))[:EXAMPLES]
    random = Draws(seed, "examples in pictures", Rows.all(len(rows)), trainer.device, trainer.dtype)
    batch, condition = example_batch(trainer.game, data, rows, random)
    path = folder.sample_picture(trainer.completed)
    real = batch.real.float().cpu()
    with in_eval_mode(trainer.average):
        labels = trainer.game.labels
        if isinstance(labels, TargetLabels):
            assert isinstance(batch.condition, tuple)
            exclusive = exclusive_blocks(block_names(trainer.recipe, data), labels.sizes)
            targets = changed_one_at_a_time(batch.condition[1], labels.sizes, exclusive=exclusive)
            fakes = [_generated(trainer, (batch.real, target), random) for target in targets]
            return _save_columns([real, *fakes], path)
        fake = _generated(trainer, condition, random)
    shown = _shown(trainer, condition, real)
    return _save_columns([*shown, fake, real], path, per_row=PER_ROW)


def draw_real_pairs(trainer: Trainer, dataset: Dataset, folder: RunFolder) -> None:
    """Write reals.png, conditions and images of training data, and print its path."""
    with trainer.saying_if_refused("the picture of training images"):
        rows = random_permutation(trainer.recipe.seed, "reals", 0, len(dataset))[:EXAMPLES]
        random = Draws(
            trainer.recipe.seed, "pictures of reals", Rows.all(len(rows)), trainer.device, trainer.dtype
        )
        batch, _ = example_batch(trainer.game, dataset, np.asarray(rows), random)
        real = batch.real.float().cpu()
        _save_columns([*_shown(trainer, batch.condition, real), real], folder.reals, per_row=PER_ROW)
        trainer.progress.say(f"first picture, of training data: {folder.reals}")


def _shown(trainer: Trainer, condition: Condition, real: Tensor) -> list[Tensor]:
    """Return pictures of the parts of a condition that are not the real image itself."""
    labels = trainer.game.labels
    if isinstance(labels, TargetLabels):
        return []
    shown = condition_pictures(condition, (real.shape[2], real.shape[3]))
    # The image whose style a generator encodes is the last part.
    return shown[:-1] if isinstance(labels, PairedCondition) and labels.with_image else shown


def _generated(trainer: Trainer, condition: object, random: Draws) -> Tensor:
    codes = latent_codes(trainer.average, random)
    return require_finite(trainer.average(codes, condition).float().cpu(), "a sample")


def _save_columns(columns: list[Tensor], path: Path, *, per_row: int = 1) -> Path:
    """Write a grid in which the i-th images of all columns are side by side."""
    channels = max(each.shape[1] for each in columns)
    alike = [each.expand(-1, channels, -1, -1) for each in columns]
    images = torch.stack(alike, 1).flatten(0, 1)
    return save_grid(images, path, columns=len(columns) * per_row)
