"""Checks of the recipe's hyper-parameters of the data, of training and of the run."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from everymode.augmentation_names import parse_augmentation
from everymode.numbers import held_out_fraction

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def check_numbers(recipe: Recipe) -> None:
    """Check the recipe's hyper-parameters of the data, of training and of the run.

    Raises:
        ValueError: if one of them is impossible.
    """

    def values(*names: str) -> list[tuple[str, Any]]:
        return [(name, getattr(recipe, name)) for name in names]

    counts = values("steps", "batch_size", "accumulation", "discriminator_steps", "tick", "snapshot")
    for name, value in counts:
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    rates = values("generator_lr", "discriminator_lr", "adam_epsilon")
    decays = values("generator_weight_decay", "discriminator_weight_decay", "remedy_weight_decay")
    for name, value in rates + decays:
        if not 0 <= (value or 0) < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, not {value}")
    for name, value in values("remedy_lr", "settling_lr"):
        if not 0 < value < math.inf:
            raise ValueError(
                f"{name} must be above 0 and finite, not {value}: it is a factor of a learning rate"
            )
    for name, value in values("seed", "ema_start", "keep_best", "keep_history", "watch_samples"):
        if value < 0:
            raise ValueError(f"{name} must be at least 0, not {value}")
    for name, value in values("ema_decay", "beta1", "beta2"):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
    if not 0 < recipe.labeled_fraction <= 1:
        raise ValueError(
            f"labeled_fraction must be above 0 and at most 1, not {recipe.labeled_fraction}: it is the fraction of the "
            "images of each class that keep their label"
        )
    for name, value in values("lr_decay", "settling"):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be a fraction of training between 0 and 1, not {value}")
    _check_halvings(recipe.lr_halvings)
    if min(recipe.size) < 1:
        raise ValueError(f"resolution must be positive, not {recipe.resolution}")
    if recipe.metrics and recipe.metric_images < 10:
        raise ValueError(f"metric_images must be at least 10 to measure anything, not {recipe.metric_images}")
    held_out_fraction(recipe.held_out)
    _check_augmentation(recipe)
    _check_batch(recipe)


def _check_halvings(shares: tuple[float, ...]) -> None:
    plain = isinstance(shares, tuple) and all(
        isinstance(share, float | int) and not isinstance(share, bool) and 0 < share < 1 for share in shares
    )
    if not plain or any(later <= earlier for earlier, later in pairwise(shares)):
        raise ValueError(
            "lr_halvings must be increasing fractions of training above 0 and below 1, such as (0.125, 0.25, 0.5, "
            "0.75), "
            f"not {shares!r}: both learning rates are halved at each"
        )


def _check_augmentation(recipe: Recipe) -> None:
    parse_augmentation(recipe.augmentation)
    if not 0 < recipe.augmentation_target < 1:
        raise ValueError(
            f"augmentation_target must be a mean sign between 0 and 1, not {recipe.augmentation_target}"
        )
    if recipe.augmentation_images < 1:
        raise ValueError(f"augmentation_images must be at least 1, not {recipe.augmentation_images}")


def _check_batch(recipe: Recipe) -> None:
    if recipe.reuse_fakes and recipe.accumulation > 1:
        raise ValueError(
            "reuse_fakes can't be combined with accumulation: the generator update would need the graphs of all "
            "micro-batches in memory. Set accumulation to 1, or reuse_fakes to off"
        )
    if recipe.batch_size % recipe.accumulation:
        raise ValueError(
            f"a batch of {recipe.batch_size} can't be divided into {recipe.accumulation} micro-batches of equal size: "
            "set accumulation to a divisor of the batch size"
        )
