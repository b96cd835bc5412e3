"""Datasets that need no file: scikit-learn's digits, points from mixtures of Gaussians, and arrays in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from everymode.data.dataset import Dataset, fingerprint_of
from everymode.data.layout import CHANNELS, Layout, channels_first, require_layout
from everymode.data.mixtures import Mixture, grid_mixture, ring_mixture, sample_mixture
from everymode.data.order import random_permutation
from everymode.data.rows import LazyRows

__all__ = [
    "DIGIT_NAMES",
    "digit_images",
    "digits",
    "grid",
    "in_memory",
    "resized_gray",
    "ring",
    "with_channels",
]

DIGIT_NAMES = tuple("0123456789")
HELD_OUT_DIGITS = 500


def in_memory(
    name: str,
    images: np.ndarray | LazyRows,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    label_blocks: Sequence[tuple[str, ...]] = (),
    mixture: Mixture | None = None,
    layout: Layout | None = None,
) -> Dataset:
    """Return a dataset of arrays.

    Args:
        name: short name of the dataset.
        images: uint8 [N, C, H, W] (or [N, H, W, C], see `layout`), or points float32 [N, 2].
        labels: int64 [N], or [N, blocks]; -1 = unlabeled.
        classes: class names; with several blocks all names, blocks in order.
        label_blocks: class names of each block, for several blocks.
        mixture: mixture that points are drawn from.
        layout: "NCHW", "NHWC" or None. None means NCHW, and images whose shape looks like NHWC are rejected.

    Raises:
        ValueError: if the arrays are inconsistent (see `Dataset`), or don't have the layout.
    """
    images = np.ascontiguousarray(_channels_first(np.asarray(images), name, layout))
    shape = repr((images.shape, images.dtype.str)).encode()
    digest = hashlib.blake2b(shape + hashlib.blake2b(images.data).digest()).digest()
    labels = np.asarray(labels)
    # other types remain as they are, because Dataset rejects them
    labels = np.ascontiguousarray(labels, dtype=np.int64 if labels.dtype.kind in "iub" else None)
    return Dataset(
        name=name,
        images=images,
        labels=labels,
        classes=tuple(classes),
        fingerprint=fingerprint_of(digest, labels, classes),
        label_blocks=tuple(label_blocks),
        mixture=mixture,
    )


def _channels_first(images: np.ndarray, name: str, layout: Layout | None) -> np.ndarray:
    """Return images [N, C, H, W] of the declared layout; points unchanged."""
    require_layout(layout)
    if layout is not None:
        return channels_first(images, name, layout)
    if images.ndim == 4 and images.shape[1] not in CHANNELS and images.shape[3] in CHANNELS:
        raise ValueError(
            f"{name}: images have shape {list(images.shape)}, which looks like [N, H, W, C]; set "
            'layout="NHWC" (or layout="NCHW" if axis 1 is that of the channels)'
        )
    return images


def resized_gray(images: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """Resize gray images [N, h, w], 0 .. 255, to uint8 [N, 1, H, W], bilinearly (antialiased when shrinking)."""
    height, width = resolution
    if images.shape[1:] == resolution:
        return np.rint(images).astype(np.uint8)[:, None]
    rows = np.empty((len(images), 1, height, width), np.uint8)
    for row, image in zip(rows, images, strict=True):
        resized = Image.fromarray(image.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        row[0] = np.rint(np.asarray(resized))
    return rows


def with_channels(dataset: Dataset, channels: int) -> Dataset:
    """Convert images in memory to 1 (gray), 3 or 4 channels (the fourth is opaque alpha)."""
    images = np.asarray(dataset.images)
    color = images[:, :3] if images.shape[1] >= 3 else images.repeat(3, axis=1)
    if channels == 1:
        # the weights of ITU-R 601, as for decoded files
        weights = np.array([0.299, 0.587, 0.114])
        color = np.rint(np.einsum("nchw,c->nhw", color, weights)).astype(np.uint8)[:, None]
    elif channels == 4:
        color = np.concatenate([color, np.full_like(color[:, :1], 255)], axis=1)
    converted = in_memory(
        dataset.name, color, dataset.labels, dataset.classes, label_blocks=dataset.label_blocks
    )
    if dataset.paired is not None:
        converted = converted.with_paired(dataset.paired)
    return replace(dataset, images=converted.images, fingerprint=converted.fingerprint)


def held_out_rows(labels: np.ndarray, held_out: int) -> np.ndarray:
    """Return bool [N], a fixed sample of `held_out` rows, stratified by class (largest remainders first)."""
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * held_out / len(labels)
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: held_out - shares.sum()]] += 1
    selected = np.zeros(len(labels), bool)
    for number, share in zip(classes, shares, strict=True):
        rows = np.flatnonzero(labels == number)
        selected[rows[random_permutation(0, "digits-held-out", int(number), len(rows))[:share]]] = True
    return selected


def digit_images(split: str = "all") -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits as float [N, 8, 8] in 0 .. 255, and labels int64 [N].

    Args:
        split: "all" (1,797 images), "train" (1,297) or "held-out" (500); a fixed split, stratified by class.

    Raises:
        ValueError: if the split is unknown.
    """
    from sklearn.datasets import load_digits  # imported here, because it takes a second or two

    rows, labels = load_digits(return_X_y=True)
    images, labels = rows.reshape(-1, 8, 8) * (255 / 16), labels.astype(np.int64)
    held_out = held_out_rows(labels, HELD_OUT_DIGITS)
    splits = {"all": np.ones(len(labels), bool), "train": ~held_out, "held-out": held_out}
    if split not in splits:
        raise ValueError(f'the digits have no split "{split}"; choose one of {", ".join(splits)}')
    return images[splits[split]], labels[splits[split]]


def digits(*, resolution: tuple[int, int] | None = None, split: str = "all") -> Dataset:
    """Return scikit-learn's 8x8 gray handwritten digits, resized bilinearly to `resolution` (default: 16x16)."""
    images, labels = digit_images(split)
    return in_memory(f"digits:{split}", resized_gray(images, resolution or (16, 16)), labels, DIGIT_NAMES)


def ring(
    *, modes: int = 8, radius: float = 1.0, std: float = 0.01, samples: int = 100_000, seed: int = 0
) -> Dataset:
    """Return points of `ring_mixture`, labeled by mode."""
    return _points("ring", ring_mixture(modes=modes, radius=radius, std=std), samples, seed)


def grid(
    *, side: int = 5, spacing: float = 2.0, std: float = 0.05, samples: int = 100_000, seed: int = 0
) -> Dataset:
    """Return points of `grid_mixture`, labeled by mode."""
    return _points("grid", grid_mixture(side=side, spacing=spacing, std=std), samples, seed)


def _points(name: str, mixture: Mixture, samples: int, seed: int) -> Dataset:
    points, modes = sample_mixture(mixture, samples, seed=seed)
    return in_memory(name, points, modes, [str(mode) for mode in range(len(mixture.means))], mixture=mixture)
