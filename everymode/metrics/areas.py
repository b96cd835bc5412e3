"""Frechet Segmentation Distance: which shares of the pixels classes have, compared between real and generated images.

Bau et al. 2019 ("Seeing what a GAN cannot generate"), section 3.1; scores of Self-Conditioned GAN (Liu et al. 2020)
use the areas times 100. Report the number of images, the segmenter and its hash, the size of the maps, and the
distance between two halves of the real images, which is the smallest that can be expected.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.frechet import frechet_distance
from everymode.metrics.inputs import Values, as_tensor, feature_pair, like_inputs, tiles


def segment_areas(maps: Values, num_classes: int) -> Tensor | np.ndarray:
    """Compute the share of each image's pixels that each class has.

    Args:
        maps: label maps [N, H, W], integers 0 .. K - 1.
        num_classes: K.
    Returns:
        float64 [N, K]; rows sum to 1.
    Raises:
        ValueError: if maps are not integers [N, H, W] with at least one pixel, or hold other labels.
    """
    labels = as_tensor("maps", maps)
    if labels.ndim != 3 or labels.numel() == 0 or labels.is_floating_point():
        raise ValueError(
            f"maps have shape {list(labels.shape)} and type {labels.dtype}; integers [N, H, W] with at least one "
            "pixel are needed"
        )
    labels = labels if labels.dtype == torch.uint8 else labels.long()
    low, high = int(labels.min()), int(labels.max())
    if num_classes < 1 or low < 0 or high >= num_classes:
        raise ValueError(
            f"maps hold labels from {low} to {high} with num_classes={num_classes}; they must be 0 to num_classes - "
            "1: a segmenter assigns a class to every pixel, and void (255) of annotated maps needs a class of its own"
        )
    count, pixels = len(labels), labels[0].numel()
    areas = torch.empty(count, num_classes, dtype=torch.float64)
    for part in tiles(count, pixels):
        rows = labels[part].flatten(1).long()
        offsets = torch.arange(len(rows))[:, None] * num_classes
        counts = torch.bincount((rows + offsets).flatten(), minlength=len(rows) * num_classes)
        areas[part] = counts.view(-1, num_classes).double() / pixels
    return like_inputs(areas, maps)


def segmentation_distance(real_areas: Values, fake_areas: Values, scale: float = 100.0) -> float:
    """Compute the Frechet Segmentation Distance from the areas of real and of generated images.

    The covariance of shares is always singular, because they sum to 1; `frechet_distance` is exact for that.

    Args:
        real_areas, fake_areas: shares [N, K] and [M, K], of `segment_areas`.
        scale: factor of the shares; published values have 100.
    Raises:
        ValueError: if there is NaN, a side has fewer than 2 rows, the numbers of classes differ, or scale is not
            positive.
    """
    if not (scale > 0 and np.isfinite(scale)):
        raise ValueError(f"scale is {scale}; it must be positive and finite, 100 as published")
    real, fake = feature_pair(real_areas, fake_areas)
    return frechet_distance(real.double() * scale, fake.double() * scale)


def relative_area_change(real_areas: Values, fake_areas: Values) -> Tensor | np.ndarray:
    """Compute by how much the mean area of each class differs: (fake - real) / real.

    Args:
        real_areas, fake_areas: shares [N, K] and [M, K], of `segment_areas`.
    Returns:
        float64 [K]; -1 for a class that is never generated, NaN where the real mean is 0.
    Raises:
        ValueError: if there is NaN, a side has no row, or the numbers of classes differ.
    """
    real, fake = (side.double().mean(0) for side in feature_pair(real_areas, fake_areas, least=1))
    change = torch.where(real == 0, torch.nan, (fake - real) / real)
    return like_inputs(change, real_areas, fake_areas)
