"""Labeled images for the training of a classifier: checked, split by class, and read by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everymode.draws import Draws, Rows
from everymode.extractors.classifier_network import ClassifierNetwork

__all__ = ["LabeledArrays", "labeled_arrays"]


class LabeledArrays(NamedTuple):
    """N labeled rows of an array of M images.

    Attributes:
        images: uint8 [M, C, H, W]; indexed by arrays of rows.
        labels: int64 [N], 0 or more.
        rows: [N], the row in `images` of each label.
    """

    images: Any
    labels: np.ndarray
    rows: np.ndarray

    def rows_at(self, indices: np.ndarray) -> Tensor:
        """Return the uint8 images at `indices`, which are 0 .. N - 1."""
        return torch.from_numpy(np.ascontiguousarray(self.images[self.rows[indices]]))

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield all indices in order, `size` at a time."""
        for start in range(0, len(self.rows), size):
            yield np.arange(start, min(start + size, len(self.rows)))

    def fingerprint(self) -> str:
        """Return a hash of images and labels."""
        digest = hashlib.blake2b(repr((self.images.shape[1:], self.labels.shape)).encode(), digest_size=16)
        for indices in self.batches(4096):
            digest.update(self.rows_at(indices).numpy().tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def split(self, share: float, seed: int) -> tuple[LabeledArrays, LabeledArrays]:
        """Split the rows into training and held-out rows.

        Args:
            share: share of each class that is held out, rounded down; above 0 and at most 0.9.
            seed: seed of the held-out rows.

        Returns:
            The training rows and the held-out rows.
        Raises:
            ValueError: if `share` is out of range, or if no image is held out.
        """
        if not 0 < share <= 0.9:
            raise ValueError(f"held_out is {share}; it must be above 0 and at most 0.9, such as 0.1")
        draws = Draws(seed, "held-out", Rows.all(len(self.labels)), dtype=torch.float64)
        order = np.argsort(draws.uniform("order").flatten().numpy(), kind="stable")
        held = np.zeros(len(self.labels), bool)
        for number in np.unique(self.labels):
            members = order[self.labels[order] == number]
            held[members[: int(len(members) * share)]] = True
        if not held.any():
            raise ValueError(
                f"held_out = {share} of each class rounds down to no image; label more images, or raise held_out "
                f"(the largest class has {np.bincount(self.labels).max()} images)"
            )
        return self._subset(~held), self._subset(held)

    def _subset(self, mask: np.ndarray) -> LabeledArrays:
        return LabeledArrays(self.images, self.labels[mask], self.rows[mask])


def labeled_arrays(images: Any, labels: Any, title: str) -> LabeledArrays:
    """Check images and labels, and drop unlabeled rows. Images are not copied (a memory map is not read).

    Args:
        images: uint8 [M, C, H, W], a tensor, array or rows of a dataset.
        labels: integers [M]; -1 means unlabeled.
        title: name of the images in error messages.

    Raises:
        ValueError: if images or labels have another type or shape, or if no image is labeled.
    """
    pixels = images.cpu().numpy() if isinstance(images, Tensor) else images
    numbers = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if pixels.dtype != np.uint8 or len(pixels.shape) != 4 or pixels.shape[1] not in (1, 3, 4):
        raise ValueError(
            f"{title} are {pixels.dtype} {list(pixels.shape)}; a classifier trains on uint8 [N, C, H, W] "
            f"with 1, 3 or 4 channels"
        )
    if min(pixels.shape[2:]) < ClassifierNetwork.smallest:
        raise ValueError(
            f"{title} are {list(pixels.shape[2:])} pixels; a classifier needs {ClassifierNetwork.smallest} per side"
        )
    if numbers.shape != (len(pixels),) or numbers.dtype.kind not in "iu":
        raise ValueError(
            f"the labels of {title} are {numbers.dtype} {list(numbers.shape)}; give one integer per image, "
            f"[{len(pixels)}] (choose one of several label blocks)"
        )
    rows = np.flatnonzero(numbers >= 0)
    if not len(rows):
        raise ValueError(f"none of the {len(pixels)} {title} is labeled; a classifier needs labels")
    return LabeledArrays(pixels, numbers[rows].astype(np.int64), rows)
