"""A generator's game from a folder that may be damaged, or a stranger's: sizes are compared before memory is taken."""

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
"""The discriminator, which isn't in the folder, has at most so many times the generator's numbers, or this many."""


def built(recipe: Recipe, folder: Path, *, trusted: bool = False) -> Game:
    """The recipe's game with the generator, and what drawing labels needs, of a folder.

    Args:
        folder: with generator.safetensors, and perhaps labels.safetensors.
        trusted: whether the recipe has code of the user's own: what that raises is not touched.

    Raises ValueError for numbers of which no game can be made, and for weights that are damaged or another game's.
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
            said = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise ValueError(
                f"{folder / 'config.json'} has numbers of which no networks can be made ({said}): take it from where "
                "it came from again"
            ) from error
    _fill(game.generator.load_state_dict, weights, file)
    labels = folder / "labels.safetensors"
    if labels.is_file():
        _fill(game.labels.load_sampling_state, _weights(labels), labels)
    return game


def _require_sizes(recipe: Recipe, weights: dict[str, Tensor], file: Path) -> None:
    """Raise ValueError where the networks are others than the weights, before any memory is taken for them."""
    with torch.device("meta"):
        game = _apart(recipe)
    wanted = {name: tuple(tensor.shape) for name, tensor in game.generator.state_dict().items()}
    for name, shape in wanted.items():
        if name in weights and tuple(weights[name].shape) != shape:
            raise ValueError(
                f"{file} does not fit the config.json beside it ({name} is {list(weights[name].shape)}, not "
                f"{list(shape)}): take both from where they came from again"
            )
    there = sum(tensor.numel() for tensor in weights.values())
    needed = sum(tensor.numel() for tensor in game.generator.state_dict().values())
    judged = sum(tensor.numel() for tensor in game.discriminator.state_dict().values())
    if needed > 2 * there + FREE or judged > MOST_TIMES * there + FREE:
        raise ValueError(
            f"{file} does not fit the config.json beside it, which is of networks of {needed:,} and {judged:,} "
            "numbers, many more than there are: take both from where they came from again"
        )


def _weights(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError, KeyError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{file} is damaged or no weights file ({error})") from error


def _apart(recipe: Recipe) -> Game:
    """The recipe's game, without moving torch's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return recipe.build()


def _fill(load: Callable[[dict[str, Tensor]], object], weights: dict[str, Tensor], file: Path) -> None:
    """Give the weights of a file to a network. Raises ValueError where they are another one's."""
    try:
        load(weights)
    except (RuntimeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{file} does not fit the config.json beside it ({str(error)[:300]}): take both from where they came from "
            "again"
        ) from error
