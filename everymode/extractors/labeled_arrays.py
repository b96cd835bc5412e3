"""Labeled images as a classifier is trained on them: checked, split by class, read row by row."""

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
    """Labeled rows of an array of images.

    Attributes:
        images: uint8 [M, C, H, W], indexed by arrays of rows.
        labels: int64 [N], 0 or more.
        rows: [N], which images they belong to.
    """

    images: Any
    labels: np.ndarray
    rows: np.ndarray

    def rows_at(self, places: np.ndarray) -> Tensor:
        """uint8 images at `places` of 0 .. N - 1."""
        return torch.from_numpy(np.ascontiguousarray(self.images[self.rows[places]]))

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """All places, in order, `size` at a time."""
        for start in range(0, len(self.rows), size):
            yield np.arange(start, min(start + size, len(self.rows)))

    def fingerprint(self) -> str:
        """Digest of images and labels."""
        digest = hashlib.blake2b(repr((self.images.shape[1:], self.labels.shape)).encode(), digest_size=16)
        for places in self.parts(4096):
            digest.update(self.rows_at(places).numpy().tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def split(self, share: float, seed: int) -> tuple[LabeledArrays, LabeledArrays]:
        """Training and held-out rows: of every class `share` is held out, rounded down, chosen by `seed`.

        Raises:
            ValueError: a share outside 0 .. 0.9, or so few images that none is held out.
        """
        if not 0 < share <= 0.9:
            raise ValueError(f"held_out is {share}; give a share above 0 and up to 0.9, such as 0.1")
        draws = Draws(seed, "held-out", Rows.all(len(self.labels)), dtype=torch.float64)
        order = np.argsort(draws.uniform("order").flatten().numpy(), kind="stable")
        held = np.zeros(len(self.labels), bool)
        for number in np.unique(self.labels):
            members = order[self.labels[order] == number]
            held[members[: int(len(members) * share)]] = True
        if not held.any():
            raise ValueError(
                f"held_out = {share} of every class rounds down to no image; label more images, or raise it "
                f"(the largest class has {np.bincount(self.labels).max()})"
            )
        return tuple(LabeledArrays(self.images, self.labels[m], self.rows[m]) for m in (~held, held))


def labeled_arrays(images: Any, labels: Any, what: str) -> LabeledArrays:
    """Images and labels checked, unlabeled rows left out; images stay where they are (a memory map is not read).

    Args:
        images: uint8 [M, C, H, W], tensor, array or rows of a data set.
        labels: whole numbers [M], -1 = unlabeled.
        what: to call them in messages.

    Raises:
        ValueError: anything else, or no labeled image.
    """
    pixels = images.cpu().numpy() if isinstance(images, Tensor) else images
    numbers = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if pixels.dtype != np.uint8 or len(pixels.shape) != 4 or pixels.shape[1] not in (1, 3, 4):
        raise ValueError(
            f"{what} are {pixels.dtype} {list(pixels.shape)}; a classifier trains on uint8 [N, C, H, W] "
            f"with 1, 3 or 4 channels"
        )
    if min(pixels.shape[2:]) < ClassifierNetwork.smallest:
        raise ValueError(
            f"{what} are {list(pixels.shape[2:])} pixels; a classifier needs {ClassifierNetwork.smallest}"
        )
    if numbers.shape != (len(pixels),) or numbers.dtype.kind not in "iu":
        raise ValueError(
            f"the labels of {what} are {numbers.dtype} {list(numbers.shape)}; give one whole number an image, "
            f"[{len(pixels)}] (of several label blocks, choose one)"
        )
    rows = np.flatnonzero(numbers >= 0)
    if not len(rows):
        raise ValueError(f"none of the {len(pixels)} {what} is labeled; a classifier needs labels")
    return LabeledArrays(pixels, numbers[rows].astype(np.int64), rows)
