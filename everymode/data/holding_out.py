"""Holding out: a fraction of the images is kept out of training, to see whether the training images are memorized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.order import random_permutation
from everymode.numbers import held_out_fraction

__all__ = ["held_out_rows", "hold_out"]


def hold_out(dataset: Dataset, held_out: float | str, seed: int = 0) -> tuple[Dataset, Dataset | None]:
    """Split a dataset into training images and held-out images.

    Args:
        dataset: any dataset.
        held_out: fraction of the images that is held out, selected by `held_out_rows`. With 0 or the name of another
            dataset, nothing is held out.
        seed: seed of the random selection.

    Returns:
        The training images, with a note on their number, and the held-out images; `dataset` itself and None if nothing
        is held out.

    Raises:
        ValueError: if the fraction is out of range, or too few images remain for training.
    """
    fraction = held_out_fraction(held_out)
    if not fraction:
        return dataset, None
    rows = held_out_rows(dataset.labels, fraction, seed)
    if not rows.any():
        raise ValueError(
            f"{dataset.name} has too few images to hold out {fraction:g} of them ({len(dataset)}; one of each class "
            "remains for training): set held_out to 0"
        )
    note = (
        f"{rows.sum():,} of {len(dataset):,} images of {dataset.name} are held out from training (held_out "
        f"{fraction:g}, seed {seed})"
    )
    training = dataset.subset(np.flatnonzero(~rows), name=dataset.name)
    unseen = dataset.subset(np.flatnonzero(rows), name=f"{dataset.name} (held out)")
    return replace(training, notes=(*dataset.notes, note)), unseen


def held_out_rows(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return bool [N], a random fraction of the images of each class, a pure function of labels, fraction and seed.

    The number of images is rounded to the nearest integer and is at least 1; classes get their shares by largest
    remainders, and at least one image of each class remains for training (with classes of one image, fewer are held
    out). Unlabeled images are one more class. With several label blocks, the shares are those of the first block.

    Args:
        labels: int64 [N], or [N, blocks]; -1 = unlabeled.
        fraction: above 0 and below 1.
        seed: seed of the random selection.
    """
    columns = labels.reshape(len(labels), -1)
    classes, counts = np.unique(columns[:, 0], return_counts=True)
    exact = counts * fraction
    shares = np.minimum(np.floor(exact).astype(np.int64), counts - 1)
    missing = max(1, int(len(labels) * fraction + 0.5)) - shares.sum()
    open_classes = [
        each for each in np.argsort(shares - exact, kind="stable") if shares[each] < counts[each] - 1
    ]
    shares[open_classes[: max(0, missing)]] += 1
    held_out = np.zeros(len(labels), bool)
    for number, share in zip(classes, shares, strict=True):
        rows = np.flatnonzero(columns[:, 0] == number)
        held_out[rows[random_permutation(seed, "held-out", int(number), len(rows))[:share]]] = True
    for column in columns.T[1:]:
        for number in np.unique(column[column >= 0]):
            rows = np.flatnonzero(column == number)
            if held_out[rows].all():
                held_out[rows[0]] = False
    return held_out
