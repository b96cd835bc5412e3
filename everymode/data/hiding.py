"""Hiding of labels: remove the labels of a random share of each class, to train with few labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.data.source import digest_of

__all__ = ["hide_labels", "kept_labels", "with_few_labels"]


def with_few_labels(dataset: Dataset, fraction: float, seed: int = 0) -> Dataset:
    """Apply `hide_labels` if all images have labels; otherwise return the dataset with all its labels and a note.

    Labels that a user provides for only a part of the images are never discarded because a recipe hides labels.

    Args:
        dataset: dataset with labels.
        fraction, seed: as in `hide_labels`.

    Raises:
        ValueError: if the fraction is out of range, or the data have no labels to hide.
    """
    _require_fraction(fraction)
    if fraction == 1 or not dataset.num_unlabeled:
        return hide_labels(dataset, fraction, seed)
    note = (
        f"{dataset.num_unlabeled:,} of {len(dataset):,} images of {dataset.name} have no label; the labels of the "
        f"others are all used (labeled_fraction {fraction:g} hides labels only if every image has one)"
    )
    return replace(dataset, notes=(*dataset.notes, note))


def hide_labels(dataset: Dataset, fraction: float, seed: int = 0) -> Dataset:
    """Keep the labels of a random share of each class; set those of the other images to -1.

    For a fixed seed, the labels kept at a smaller fraction are a subset of those kept at a larger one.

    Args:
        dataset: dataset with labels; unlabeled images remain unlabeled.
        fraction: share of each class that keeps its labels, above 0 and at most 1. The number of images is rounded to
            the nearest integer (half up), and is at least 1 for every class with images. With several label blocks,
            classes are those of the first block, and an image keeps or loses its labels in all blocks.
        seed: seed of the random selection.

    Returns:
        A dataset with a different fingerprint and a note on the number of labels kept; `dataset` itself if nothing is
        hidden.

    Raises:
        ValueError: if the fraction is out of range, or the data have no labels.
    """
    _require_fraction(fraction)
    if fraction == 1:
        return dataset
    keeps = kept_labels(dataset.labels, fraction, seed)
    labeled = dataset.labels >= 0
    labeled = labeled.any(axis=1) if labeled.ndim == 2 else labeled
    if not labeled.any():
        raise ValueError(
            f"{dataset.name} has no labels to hide; leave labeled_fraction at 1, or use data with labels"
        )
    if keeps[labeled].all():
        return dataset
    labels = dataset.labels.copy()
    labels[~keeps] = -1
    note = (
        f"{keeps[labeled].sum():,} of {len(dataset):,} images of {dataset.name} keep their labels; those of "
        f"{(~keeps[labeled]).sum():,} are hidden (labeled_fraction {fraction:g}, seed {seed})"
    )
    return replace(
        dataset,
        labels=labels,
        fingerprint=digest_of(dataset.fingerprint, "labels hidden", labels.tobytes()),
        notes=(*dataset.notes, note),
    )


def _require_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(
            f"labeled_fraction is {fraction}; it is the share of each class that keeps its labels, above 0 and at "
            "most 1"
        )


def kept_labels(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return bool [N], the images that keep their labels ([N] or [N, blocks]), by the rules of `hide_labels`.

    Images without a label in the first block are treated as one more class, because they may have one in another block.
    """
    column = labels[:, 0] if labels.ndim == 2 else labels
    keeps = np.zeros(len(labels), bool)
    for number in np.unique(column):
        rows = np.flatnonzero(column == number)
        count = max(1, int(fraction * len(rows) + 0.5))
        keeps[rows[random_permutation(seed, "kept-labels", int(number), len(rows))[:count]]] = True
    return keeps
