"""Checks of a recipe's parts against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everymode.augmentation_names import ADAPTIVE, parse_augmentation
from everymode.fit.labels import check_labels
from everymode.fit.numbers import check_numbers
from everymode.fit.pictures import check_pictures, takes_pictures
from everymode.numbers import require_finite
from everymode.part import Labels, Loss, Networks, Norm, Terms

if TYPE_CHECKING:
    from everymode.recipe import Recipe


def check_recipe(recipe: Recipe) -> None:
    """Check the hyper-parameters and the parts of a recipe.

    Raises:
        ValueError: if a hyper-parameter is impossible, or if two parts don't fit together.
    """
    check_numbers(recipe)
    require_finite(recipe)
    check_parts(recipe)


def check_parts(recipe: Recipe) -> None:
    """Check that the parts of the recipe fit together.

    Raises:
        ValueError: if two parts don't.
    """
    for contract in (Networks, Loss, Labels, Norm, Terms):
        value = getattr(recipe, contract.kind)
        if value is not None and not isinstance(value, contract):
            raise ValueError(
                f"{contract.kind} must be a part of class {contract.__name__} (everymode.part), not {value!r}"
            )
    for part in recipe.parts():
        part.check_in(recipe)
    if recipe.loss is None or recipe.labels is None or recipe.networks is None:
        return  # a recipe with a custom build()
    if takes_pictures(recipe):
        check_pictures(recipe)
    else:
        check_labels(recipe)
    _check_packs(recipe)
    _check_networks(recipe)
    _check_points(recipe)
    _check_zero(recipe)


def _check_packs(recipe: Recipe) -> None:
    """Check the batch size against the packs."""
    networks = recipe.networks
    assert networks is not None
    if networks.pack == 1:
        return
    batch = (networks.packs or 0) * networks.pack or recipe.batch_size
    if batch // recipe.accumulation % networks.pack or batch % recipe.accumulation:
        accumulated = f" in {recipe.accumulation} micro-batches" if recipe.accumulation > 1 else ""
        step = networks.pack * recipe.accumulation
        sizes = [size for size in (batch // step * step, -(-batch // step) * step) if size]
        fitting = " or ".join(str(size // networks.pack if networks.packs else size) for size in sizes)
        raise ValueError(
            f"a batch of {batch}{accumulated} can't be divided into packs of {networks.pack}: set "
            f"{'packs' if networks.packs else 'batch_size'} to a value such as {fitting}"
        )


def _check_networks(recipe: Recipe) -> None:
    """Check the norm against the discriminator."""
    norm, networks = recipe.norm, recipe.networks
    assert networks is not None
    if norm is None:
        return
    if norm.normalizes_features and not networks.takes_feature_norm:
        raise ValueError(
            f"{norm.display_name} normalizes features, which this discriminator does not support: choose --networks "
            "standard, or another norm"
        )
    if norm.blocks_only and not networks.has_blocks:
        raise ValueError(
            "where is blocks, but this discriminator has no residual blocks: set where to all, or choose --networks "
            "biggan or --networks standard-resnet"
        )


def _check_points(recipe: Recipe) -> None:
    """Check that nothing for images is used on points, and nothing for squares on rectangles."""
    labels, (height, width) = recipe.labels, recipe.size
    assert labels is not None
    if not recipe.takes_points:
        if labels.needs_squares and height != width:
            raise ValueError(
                f"{labels.display_name} rotates images by quarter turns, so they must be square, not {height}x{width}: "
                "set resolution to one number"
            )
        return
    if recipe.mirror:
        raise ValueError(f"points can't be mirrored, and {recipe.called} generates points: set mirror to off")
    if labels.needs_pixels:
        raise ValueError(
            f"{labels.display_name} needs images, but {recipe.called} generates points: choose other labels, such as "
            "--labels clusters"
        )
    if parse_augmentation(recipe.augmentation):
        raise ValueError(
            f"augmentation {recipe.augmentation!r} changes pixels, but {recipe.called} generates points: set "
            "augmentation to none, or choose a recipe for images"
        )
    shifting = recipe.terms.moves_pixels if recipe.terms is not None else ""
    if shifting:
        raise ValueError(
            f"{shifting} compares shifted images, but {recipe.called} generates points: set {shifting} to 0"
        )


def _check_zero(recipe: Recipe) -> None:
    """Check that nothing needs scores where 0 means undecided if only differences of the scores are defined."""
    loss = recipe.loss
    assert loss is not None
    if loss.has_zero:
        return
    if recipe.terms is not None and recipe.terms.needs_zero:
        weight = recipe.terms.needs_zero
        raise ValueError(
            f"{weight} needs scores where 0 means undecided, and those of {loss.called} have no such zero: set "
            f"{weight} to 0"
        )
    if ADAPTIVE in parse_augmentation(recipe.augmentation):
        raise ValueError(
            f"augmentation ada needs scores where 0 means undecided, and those of {loss.called} have no such zero: "
            "choose from color, translation and cutout"
        )
