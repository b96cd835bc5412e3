"""Checks of a recipe against the data that it is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everymode.fit.labels import MORE_LABELS, check_blocks, require_two_labels

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.recipe import Recipe


def check_kind(recipe: Recipe, facts: DataFacts) -> None:
    """Check that points are generated from points, and images from images.

    Raises:
        ValueError: if they are not.
    """
    if recipe.networks is None:
        return
    images = len(facts.image_shape) == 3
    if recipe.takes_points and images:
        raise ValueError(
            f"{facts.name} contains images, but {recipe.called} generates points: choose a recipe for images, or "
            "--data ring or --data grid"
        )
    if not recipe.takes_points and not images:
        raise ValueError(
            f"{facts.name} contains points, but {recipe.called} generates images: choose a recipe for points"
        )
    kind = recipe.networks.conditioned_on
    if kind == "maps" and not facts.map_classes:
        raise ValueError(
            f"{facts.name} has no label maps, and {recipe.called} generates images from them: name their folder with "
            "--maps, or a folder with the folders images and maps"
        )
    if kind == "pictures" and facts.scale != recipe.networks.magnification:
        raise ValueError(
            f"{facts.name} is not paired with pictures of {recipe.networks.magnification} times lower resolution: "
            "pass a folder of sharp pictures, or the dataset that open_sharp returns for this scale"
        )


def check_data(recipe: Recipe, facts: DataFacts | None = None) -> None:
    """Check the parts against the data from which the recipe was filled in.

    Args:
        facts: facts of the data; None = missing labels are not checked.

    Raises:
        ValueError: if a part doesn't fit the data.
    """
    if recipe.loss is None or recipe.labels is None:
        return
    if recipe.labels.needs_given:
        _check_given(recipe, facts)
    check_blocks(recipe)
    require_two_labels(recipe)


def _or_others(recipe: Recipe) -> str:
    """Return the end of a sentence that names labels which the data needn't have, if the networks take any."""
    attributes = recipe.networks is not None and recipe.networks.conditioned_on != "labels"
    return "" if attributes else f", or choose {MORE_LABELS}"


def _check_given(recipe: Recipe, facts: DataFacts | None) -> None:
    """Check labels that come with the data: there are some, and none is missing if the loss needs all of them."""
    loss, count = recipe.loss, recipe.num_classes
    assert loss is not None
    if not count:
        raise ValueError(
            f"{recipe.called} needs labels, and the data has none: add labels{_or_others(recipe)}"
        )
    if facts is None:
        return
    if not any(facts.class_counts):
        raise ValueError(
            f"{recipe.called} needs labels, and none of the {facts.num_images:,} images of {facts.name} has one: label "
            f"some of them{_or_others(recipe)}"
        )
    assert recipe.labels is not None
    if facts.num_unlabeled and recipe.labels.leaves_unlabeled and not loss.takes_unlabeled(recipe):
        kind = "points" if recipe.takes_points else "images"
        raise ValueError(
            f"{loss.called} needs a label for each image, and {facts.num_unlabeled:,} of {facts.num_images:,} "
            f"{kind} of {facts.name} have none: label them, or choose --loss multi-hinge, which guesses missing "
            "labels, or --loss omni, which only asks that these images look real"
        )
