"""Stacked digits: three gray digits in three channels, 1,000 modes with the label 100 a + 10 b + c.

Metz et al. 2017 (unrolled GANs) built them from MNIST; Self-Conditioned GAN draws 100,000 random triples once
(`stevliu/self-conditioned-gan`), PacGAN 128,000 (`fjxmlzn/PacGAN`).
"""

from __future__ import annotations

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.order import random_uniform
from everymode.data.synthetic import digits, in_memory

__all__ = ["stacked", "stacked_digits"]

CLASSES = tuple(f"{mode:03d}" for mode in range(1000))


def stacked(dataset: Dataset, *, samples: int = 100_000, seed: int = 0, name: str | None = None) -> Dataset:
    """Return random triples of the labeled images of `dataset`, drawn with replacement.

    Args:
        dataset: gray images [N, 1, H, W] of ten classes.
        samples: number of triples.
        seed: any integer.
        name: name of the result (default: "stacked " and the name of `dataset`).

    Raises:
        ValueError: if the images are not gray, unlabeled or not of ten classes, or `samples` is below 1.
    """
    labeled = np.flatnonzero(dataset.labels >= 0) if dataset.labels.ndim == 1 else np.array([], np.int64)
    if dataset.is_points or dataset.image_shape[0] != 1 or dataset.num_classes != 10 or not len(labeled):
        raise ValueError(
            f"{dataset.name} has images {list(dataset.image_shape)} of {dataset.num_classes} classes; "
            f"stacking needs labeled gray images [1, H, W] of ten classes"
        )
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    draws = random_uniform(seed, "stacked-digits", 0, 3 * samples).reshape(samples, 3)
    triples = labeled[(draws * len(labeled)).astype(np.int64)]
    images = np.asarray(dataset.images)[triples.reshape(-1), 0].reshape(samples, 3, *dataset.image_shape[1:])
    labels = dataset.labels[triples] @ np.array([100, 10, 1])
    return in_memory(name or f"stacked {dataset.name}", images, labels, CLASSES)


def stacked_digits(
    *, resolution: tuple[int, int] | None = None, split: str = "train", samples: int = 100_000, seed: int = 0
) -> Dataset:
    """Return triples of scikit-learn's digits (default: of the training split, at 16x16)."""
    gray = digits(resolution=resolution, split=split)
    return stacked(gray, samples=samples, seed=seed, name=f"stacked-digits:{split}")
