"""Training data of a run: its dataset, and the order of the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from everymode.data.builtin import names_points
from everymode.data.classes import with_images_alone
from everymode.data.dataset import Dataset
from everymode.data.errors import NoColumnsError, NoLabelsError
from everymode.data.low_resolution import open_sharp
from everymode.data.map_style import Objects
from everymode.data.opening import open_images
from everymode.data.order import DataOrder, MixedOrder
from everymode.data.pairs import open_pairs
from everymode.fit import MORE_LABELS
from everymode.recipe import Recipe
from everymode.recipes.parts.picture_labels import Maps


def open_for(
    recipe: Recipe, source: str, data: str | Path | Objects | None, *, quiet: bool, own_column: bool = False
) -> tuple[Dataset, Recipe]:
    """Return the training data, and the recipe adapted to it.

    Args:
        recipe: the recipe to train.
        source: path or name of the data, opened unless `data` is in memory.
        data: the `data` of `train`.
        quiet: whether to show no progress.
        own_column: whether the label column is the recipe's default (for a paper's file), not set by the user. Data
            without columns, such as a folder of classes, is then accepted, and the recipe returned without a column.

    Raises:
        ValueError: if no data is named, or the data is points and the recipe draws images.
        NoLabelsError: if the recipe needs labels and the data has none; raised before any image is decoded.
        FileNotFoundError, DataError: as `open_images`.
    """
    name, needs_labels = recipe.name or type(recipe).__name__, recipe.needs_labels()
    if isinstance(data, Dataset):
        opened = with_images_alone(data)
    elif data is not None and not isinstance(data, str | Path):
        opened, recipe = _opened_or_unlabeled(recipe, data, source, own_column=own_column, quiet=quiet)
    elif not source:
        raise ValueError(f"{name} has no dataset by default: name one, as in --data photos")
    elif names_points(source) and not recipe.takes_points:
        raise ValueError(
            f"{source} holds points in the plane, and {name} draws images: name images, or choose a recipe for points, "
            "such as gan-ring or self-conditioned-grid (`everymode recipes points` lists them)"
        )
    else:
        opened, recipe = _opened_or_unlabeled(recipe, source, source, own_column=own_column, quiet=quiet)
    if needs_labels and not any(opened.class_counts):
        raise _unlabeled(source, name)
    return opened, recipe


def _opened_or_unlabeled(
    recipe: Recipe, data: str | Objects, source: str, *, own_column: bool, quiet: bool
) -> tuple[Dataset, Recipe]:
    try:
        return _open_by_column(recipe, data, own_column=own_column, quiet=quiet)
    except NoLabelsError:
        raise _unlabeled(source, recipe.name or type(recipe).__name__) from None


def _open_by_column(
    recipe: Recipe, data: str | Objects, *, own_column: bool, quiet: bool
) -> tuple[Dataset, Recipe]:
    needs_labels = recipe.needs_labels()
    try:
        return open_source(recipe, data, labeled=needs_labels, quiet=quiet), recipe
    except NoColumnsError:
        if not own_column:
            raise
    recipe = replace(recipe, label_column="")
    return open_source(recipe, data, labeled=needs_labels, quiet=quiet), recipe


def open_source(
    recipe: Recipe, source: str | Objects, *, labeled: bool, quiet: bool, training: bool = True
) -> Dataset:
    """Open the data at `source` with the recipe's resolution, fit, label column, value range and layout.

    For generators of label maps, a folder is opened with the maps that the recipe names or that are beside its images;
    for super-resolution, pictures are opened as crops, each with its picture of lower resolution.

    Args:
        recipe: the recipe to train.
        source: path or name of the data, or data in memory.
        labeled: whether the data must have labels.
        quiet: whether to show no progress.
        training: whether these are the training data, to which the folders of maps that the recipe names belong.

    Raises:
        FileNotFoundError, DataError: as `open_images`.
    """
    if isinstance(source, str):
        paired = _open_paired(recipe, source, quiet=quiet, training=training)
        if paired is not None:
            return paired
    return open_images(
        source,
        resolution=None if recipe.takes_points else recipe.size,
        fit=recipe.fit,
        label_column=recipe.label_column or None,
        value_range=recipe.value_range,
        layout=recipe.layout,
        labeled=labeled,
        progress=not quiet,
    )


def _open_paired(recipe: Recipe, source: str, *, quiet: bool, training: bool) -> Dataset | None:
    """Open images with the label maps that the recipe names, or sharp pictures; None if `open_images` is to do it."""
    networks, labels = recipe.networks, recipe.labels
    kind = "labels" if networks is None else networks.conditioned_on
    if kind == "pictures":
        assert networks is not None
        return open_sharp(source, scale=networks.magnification, crop=recipe.size[0], progress=not quiet)
    if kind != "maps" or not isinstance(labels, Maps):
        return None
    if not (training and labels.maps):
        return None  # open_images finds the maps beside the images of a folder
    return open_pairs(
        source,
        labels.maps,
        instances=labels.instances or None,
        resolution=recipe.size,
        fit=recipe.fit,
        progress=not quiet,
    )


def _unlabeled(source: str, recipe: str) -> NoLabelsError:
    return NoLabelsError(
        f"{source} has no labels, and {recipe} needs them: add labels (a sub-folder per class, or labels.csv with the "
        f"columns file,label), or choose {MORE_LABELS}, or train a recipe without labels, such as "
        "self-conditioned-32 or partition-guided-32"
    )


def order_of(recipe: Recipe, dataset: Dataset) -> DataOrder | MixedOrder:
    """Return the order of the training images, by the recipe's batch size, seed and class sampling."""
    if recipe.labeled_share:
        return MixedOrder(
            dataset.labels,
            recipe.batch_size,
            recipe.seed,
            labeled_share=recipe.labeled_share,
            sampling=recipe.class_sampling,
        )
    return DataOrder(dataset.labels, recipe.batch_size, recipe.seed, sampling=recipe.class_sampling)
