"""Few labels out of many: hide the labels of a random share of each class, to train as if they had never been given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.data.source import digest_of

__all__ = ["hide_labels", "kept_labels", "with_few_labels"]


def with_few_labels(dataset: Dataset, fraction: float, seed: int = 0) -> Dataset:
    """`hide_labels` for data of which all images have labels; data with gaps of its own as it is, with a note.

    What a user has labeled is never thrown away because a recipe was made for labels that are hidden.
    """
    if fraction == 1 or not dataset.num_unlabeled:
        return hide_labels(dataset, fraction, seed)
    note = (
        f"{dataset.num_unlabeled:,} of {len(dataset):,} images of {dataset.name} have no label: those of the others "
        f"are all kept (labeled_fraction {fraction:g} hides labels only where every image has one)"
    )
    return replace(dataset, notes=(*dataset.notes, note))


def hide_labels(dataset: Dataset, fraction: float, seed: int = 0) -> Dataset:
    """The same images, of which a random share of each class keeps its labels; the others have -1.

    With one seed, what a smaller fraction keeps is part of what a larger one keeps.

    Args:
        dataset: with labels; images that have none stay without.
        fraction: share of each class that keeps its labels, above 0 and at most 1. The number is rounded to the
            nearest (a half upwards), and is at least 1 for every class that has an image. With several label blocks
            the classes of the first one count, and an image keeps or loses its labels in all of them.
        seed: of the choice.

    Returns:
        A data set with another fingerprint and a note that says how many labels it keeps; `dataset` itself where
        nothing is hidden.

    Raises:
        ValueError: a fraction outside its range, or data without labels.
    """
    if not 0 < fraction <= 1:
        raise ValueError(
            f"labeled_fraction is {fraction}; it is the share of each class that keeps its labels, above 0 and at "
            "most 1"
        )
    if fraction == 1:
        return dataset
    kept = kept_labels(dataset.labels, fraction, seed)
    labeled = dataset.labels >= 0
    labeled = labeled.any(axis=1) if labeled.ndim == 2 else labeled
    if not labeled.any():
        raise ValueError(
            f"{dataset.name} has no labels to hide: leave labeled_fraction at 1, or name data with labels"
        )
    if kept[labeled].all():
        return dataset
    labels = dataset.labels.copy()
    labels[~kept] = -1
    note = (
        f"{kept[labeled].sum():,} of {len(dataset):,} images of {dataset.name} keep their labels; those of "
        f"{(~kept[labeled]).sum():,} are hidden (labeled_fraction {fraction:g}, seed {seed})"
    )
    return replace(
        dataset,
        labels=labels,
        fingerprint=digest_of(dataset.fingerprint, "labels hidden", labels.tobytes()),
        notes=(*dataset.notes, note),
    )


def kept_labels(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """[N] bool, which images keep their labels [N] or [N, blocks]; rules as `hide_labels`.

    Images without a label in the first block count as one more class, because another block may have one.
    """
    column = labels[:, 0] if labels.ndim == 2 else labels
    kept = np.zeros(len(labels), bool)
    for number in np.unique(column):
        rows = np.flatnonzero(column == number)
        count = max(1, int(fraction * len(rows) + 0.5))
        kept[rows[random_permutation(seed, "kept-labels", int(number), len(rows))[:count]]] = True
    return kept
