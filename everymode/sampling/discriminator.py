"""The discriminator of a trained run, which restorations compare images with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from everymode.machine.device import checked_device
from everymode.recipe import Recipe
from everymode.sampling.building import built
from everymode.sampling.generator import CONFIG, find_generator
from everymode.sampling.record import own_classes, recipe_of
from everymode.storage.checkpoint import read_state
from everymode.storage.run_folder import read_config


def load_discriminator(
    path: str | Path, *, recipe: Recipe | None = None, device: torch.device | str = "cpu"
) -> nn.Module:
    """Return the discriminator of a run's newest valid checkpoint, or of a checkpoint, in eval mode.

    Args:
        path: run folder or checkpoint.
        recipe: the recipe that built it, for custom recipes.
        device: device of the weights.

    Raises:
        FileNotFoundError: if there is no checkpoint, or one without the state to resume training, which holds the
            discriminator.
        ValueError: if a file is damaged or belongs to another recipe.
    """
    device = checked_device(device)
    folder = find_generator(Path(path))
    if not (folder / "state").is_dir():
        raise FileNotFoundError(
            f"{folder} has a generator but no discriminator: name a run folder, or one of its checkpoints with the "
            "folder `state`"
        )
    config = read_config(folder / CONFIG)
    game = built(recipe_of(config, recipe, path), folder, trusted=bool(own_classes(config["recipe"])))
    modules = read_state(folder).get("modules")
    weights = modules.get("discriminator") if isinstance(modules, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(each, Tensor) for each in weights.values()):
        raise ValueError(
            f"{folder} is damaged: it lacks the discriminator's weights. Name another checkpoint"
        )
    try:
        game.discriminator.load_state_dict(weights)
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / 'state'} does not fit the config.json beside it ({str(error)[:300]}): copy the run again"
        ) from error
    return game.discriminator.to(device).eval()
