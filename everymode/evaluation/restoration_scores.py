"""Scores of restored images against their originals: PSNR, SSIM and a perceptual distance, with their conventions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

from torch import Tensor

from everymode.extractors.perceptual_distances import PerceptualNetwork
from everymode.metrics.image_quality import psnr, ssim
from everymode.pictures import to_uint8

__all__ = ["conventions", "restoration_scores", "summary"]

SSIM_SIDE = 11
"""Side of SSIM's window, below which it is undefined."""
RANGE_2 = "ssim-range2"


def restoration_scores(
    restored: Tensor, original: Tensor, *, stages: PerceptualNetwork | None = None, range2: bool = False
) -> dict[str, float | None]:
    """Compute the scores of one image; both are rounded to 8 bits first.

    Args:
        restored, original: [1, C, H, W] in [-1, 1], of the same shape.
        stages: network of the perceptual distance; None omits it.
        range2: whether SSIM with a data range of 2 is added, under the name "ssim-range2".

    Returns:
        Name of the score -> value; None where it is undefined: the PSNR of equal images, the SSIM of images below 11x11
        pixels, and LPIPS of images that are too small for its backbone.
    Raises:
        ValueError: if the shapes differ.
    """
    if restored.shape != original.shape:
        raise ValueError(
            f"the restored image is {list(restored.shape)} and the original {list(original.shape)}; compare images of "
            "the same size"
        )
    levels = [to_uint8(each) for each in (restored, original)]
    first, second = (each.float() / 255 for each in levels)
    decibels = float(psnr(first, second))
    large = min(first.shape[2:]) >= SSIM_SIDE
    scores: dict[str, float | None] = {
        "psnr": decibels if math.isfinite(decibels) else None,
        "ssim": float(ssim(first, second)) if large else None,
    }
    if range2:
        # For values in [0, 1], a range of 2 only quadruples SSIM's constants, which raises it.
        scores[RANGE_2] = float(ssim(first, second, data_range=2.0)) if large else None
    if stages is not None:
        defined = min(first.shape[2:]) >= stages.smallest
        scores[stages.distance_name] = float(stages.distances(levels[0], levels[1])[0]) if defined else None
    return scores


def conventions(stages: PerceptualNetwork | None, *, range2: bool = False) -> dict[str, Any]:
    """Return how the scores are computed, as JSON values to store with them."""
    facts: dict[str, Any] = {
        "images": "8 bits, at the original's size",
        "psnr": "dB, 10 log10(1 / mean squared error) over all channels, range 1",
        "ssim": "11x11 Gaussian window of std 1.5, mean over channels, range 1; null below 11x11 pixels",
    }
    if range2:
        facts[RANGE_2] = "the same with range 2 for values in [0, 1], as published numbers seem to have"
    if stages is not None:
        facts[stages.distance_name] = stages.facts()
    return facts


def summary(scores: Sequence[dict[str, float | None]]) -> dict[str, dict[str, float | int]]:
    """Return mean, standard deviation (population) and number of the defined values of each score."""
    names = dict.fromkeys(name for each in scores for name in each)
    table: dict[str, dict[str, float | int]] = {}
    for name in names:
        values = [value for each in scores if (value := each.get(name)) is not None]
        if values:
            table[name] = {"mean": fmean(values), "std": pstdev(values), "num": len(values)}
    return table
