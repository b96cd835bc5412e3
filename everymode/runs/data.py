"""What a run is trained on: its data set, and the order of the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from everymode.data.builtin import names_points
from everymode.data.classes import with_images_alone
from everymode.data.dataset import Dataset
from everymode.data.errors import NoColumnsError, NoLabelsError
from everymode.data.opening import open_images
from everymode.data.order import DataOrder, MixedOrder
from everymode.recipe import Recipe


def open_for(
    recipe: Recipe, source: str, data: str | Path | Dataset | None, *, quiet: bool, own_column: bool = False
) -> tuple[Dataset, Recipe]:
    """The data at `source`, as the recipe takes them, or a Dataset as it is; and the recipe, as it fits them.

    Args:
        own_column: the label column is the recipe's own, for a paper's file, and nobody asked for it: data without
            columns, such as a folder of classes, need none, and the recipe then has none.

    Raises:
        ValueError: no data are named.
        FileNotFoundError, DataError: as `open_images`; NoLabelsError too, before anything is decoded.
    """
    called, needed = recipe.name or type(recipe).__name__, recipe.needs_labels()
    if isinstance(data, Dataset):
        opened = with_images_alone(data)
    elif not source:
        raise ValueError(f"{called} has no data set of its own: name one, as in --data photos")
    elif names_points(source) and not recipe.takes_points:
        raise ValueError(
            f"{source} holds points in the plane, and {called} draws images: give images, or take a recipe for points, "
            "such as gan-ring or self-conditioned-grid (`everymode recipes points` lists them)"
        )
    else:
        try:
            opened, recipe = _open_by_column(recipe, source, own_column=own_column, quiet=quiet)
        except NoLabelsError:
            raise _unlabeled(source, called) from None
    if needed and not any(opened.class_counts):
        raise _unlabeled(source, called)
    return opened, recipe


def _open_by_column(recipe: Recipe, source: str, *, own_column: bool, quiet: bool) -> tuple[Dataset, Recipe]:
    needed = recipe.needs_labels()
    try:
        return open_source(recipe, source, labeled=needed, quiet=quiet), recipe
    except NoColumnsError:
        if not own_column:
            raise
    recipe = replace(recipe, label_column="")
    return open_source(recipe, source, labeled=needed, quiet=quiet), recipe


def open_source(recipe: Recipe, source: str, *, labeled: bool, quiet: bool) -> Dataset:
    """The data at `source`, as the recipe takes them; raises as `open_images` does."""
    return open_images(
        source,
        resolution=None if recipe.takes_points else recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        value_range=recipe.value_range,
        labeled=labeled,
        progress=not quiet,
    )


def _unlabeled(source: str, recipe: str) -> NoLabelsError:
    return NoLabelsError(
        f"{source} has no labels, and {recipe} needs them: add labels (class sub-folders, or labels.csv with the "
        "columns file,label), or train without, as self-conditioned-32 and partition-guided-32 do"
    )


def order_of(recipe: Recipe, dataset: Dataset) -> DataOrder | MixedOrder:
    """The order in which images are shown, by the recipe's batch size, seed and sampling of classes."""
    if recipe.labeled_share:
        return MixedOrder(
            dataset.labels,
            recipe.batch_size,
            recipe.seed,
            labeled_share=recipe.labeled_share,
            sampling=recipe.class_sampling,
        )
    return DataOrder(dataset.labels, recipe.batch_size, recipe.seed, sampling=recipe.class_sampling)
