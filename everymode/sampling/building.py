"""Building a generator's game from an untrusted or damaged folder: sizes are compared before memory is allocated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from everymode.game import Game
from everymode.recipe import Recipe

__all__ = ["built"]

MOST_TIMES, FREE = 100, 2**28
"""Limit on the parameters of the discriminator, which the folder does not hold: MOST_TIMES times those of the stored
generator, plus FREE."""


def built(recipe: Recipe, folder: Path, *, trusted: bool = False) -> Game:
    """Return the recipe's game with the generator weights and the label-sampling state of a folder.

    Args:
        folder: holds generator.safetensors and, if labels are drawn with learned state, labels.safetensors.
        trusted: whether the recipe contains custom code; its exceptions are then passed on unchanged.

    Returns:
        The game, with random weights in the discriminator.
    Raises:
        ValueError: if no networks can be built with the hyper-parameters, or if the weights are damaged or belong to
            another game.
    """
    file = folder / "generator.safetensors"
    weights = _weights(file)
    if trusted:
        game = _apart(recipe)
    else:
        try:
            _require_sizes(recipe, weights, file)
            game = _apart(recipe)
        except (TypeError, RuntimeError, ArithmeticError, MemoryError, LookupError) as error:
            message = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise ValueError(
                f"{folder / 'config.json'} has hyper-parameters that no networks can be built with ({message}): "
                "copy or download it again"
            ) from error
    _fill(game.generator.load_state_dict, weights, file)
    labels = folder / "labels.safetensors"
    if labels.is_file():
        _fill(game.labels.load_sampling_state, _weights(labels), labels)
    return game


def _require_sizes(recipe: Recipe, weights: dict[str, Tensor], file: Path) -> None:
    """Raise ValueError if the networks don't match the weights, before memory is allocated for the networks."""
    with torch.device("meta"):
        game = _apart(recipe)
    expected = {name: tuple(tensor.shape) for name, tensor in game.generator.state_dict().items()}
    for name, shape in expected.items():
        if name in weights and tuple(weights[name].shape) != shape:
            raise ValueError(
                f"{file} does not fit the config.json beside it ({name} has shape {list(weights[name].shape)}, not "
                f"{list(shape)}): copy or download both again"
            )
    stored = sum(tensor.numel() for tensor in weights.values())
    generator = sum(tensor.numel() for tensor in game.generator.state_dict().values())
    discriminator = sum(tensor.numel() for tensor in game.discriminator.state_dict().values())
    if generator > 2 * stored + FREE or discriminator > MOST_TIMES * stored + FREE:
        raise ValueError(
            f"{file} does not fit the config.json beside it: it holds {stored:,} numbers, and the config describes a "
            f"generator of {generator:,} and a discriminator of {discriminator:,}: copy or download both again"
        )


def _weights(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError, KeyError, RuntimeError, MemoryError) as error:
        raise ValueError(
            f"{file} is damaged or not a safetensors file ({error}): copy or download it again"
        ) from error


def _apart(recipe: Recipe) -> Game:
    """Return the recipe's game; torch's random state is unchanged."""
    with torch.random.fork_rng(devices=[]):
        return recipe.build()


def _fill(load: Callable[[dict[str, Tensor]], object], weights: dict[str, Tensor], file: Path) -> None:
    """Load the weights of a file with `load`; raise ValueError if they belong to another network."""
    try:
        load(weights)
    except (RuntimeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{file} does not fit the config.json beside it ({str(error)[:300]}): copy or download both again"
        ) from error
