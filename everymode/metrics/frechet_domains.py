"""Frechet distances of translated images by source and target domain, as for StarGAN in the SAN paper's Table 3."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from everymode.metrics.frechet import fitted_gaussian, gaussian_parts
from everymode.metrics.inputs import Values, feature_pair, like_inputs, row_labels


def frechet_distance_by_domain(
    real: Values,
    real_domain: Values,
    fake: Values,
    source: Values,
    target: Values,
    *,
    num_sources: int | None = None,
    num_targets: int | None = None,
) -> Tensor | np.ndarray:
    """Compute the Frechet distance of each pair of source and target domain.

    The images translated from domain s to domain t are compared with the real images of t: by the paper's protocol,
    training images, while the translated ones come from test images. Rows whose label is -1 belong to no domain and
    are ignored.

    Args:
        real: features of real images [N, F].
        real_domain: their domains, integers [N], 0 to T - 1 or -1.
        fake: features of translated images [M, F].
        source: the domain from which each was translated, integers [M], 0 to S - 1 or -1.
        target: the domain to which it was translated, integers [M], 0 to T - 1 or -1.
        num_sources: S; default: the largest source plus one.
        num_targets: T; default: the largest domain of `target` and `real_domain` plus one.
    Returns:
        float64 [S, T]; NaN if a side has fewer than 2 images. Cells with at most F images carry little information.
    Raises:
        ValueError: if labels are outside their range, there is not one label per row, there is NaN, or the numbers of
            features differ.
    """
    real_rows, fake_rows = feature_pair(real, fake)
    real_labels = row_labels("real_domain", real_domain, rows=len(real_rows))
    sources = row_labels("source", source, rows=len(fake_rows))
    targets = row_labels("target", target, rows=len(fake_rows))
    rows = _count("source", num_sources, sources)
    columns = _count("target and real_domain", num_targets, targets, real_labels)
    distances = torch.full((rows, columns), math.nan, dtype=torch.float64)
    for column in range(columns):
        of_target = real_rows[real_labels == column]
        if len(of_target) < 2:
            continue
        reference = fitted_gaussian(of_target)
        for row in range(rows):
            translated = fake_rows[(sources == row) & (targets == column)]
            if len(translated) >= 2:
                distances[row, column] = gaussian_parts(reference, fitted_gaussian(translated)).distance
    return like_inputs(distances, real, fake)


def _count(name: str, number: int | None, *labels: np.ndarray) -> int:
    """Return the number of domains, after checking that all labels are below it."""
    smallest, largest = min(int(each.min()) for each in labels), max(int(each.max()) for each in labels)
    count = largest + 1 if number is None else number
    if count < 1 or smallest < -1 or largest >= count:
        limit = "" if number is None else f" (the number given is {number})"
        raise ValueError(
            f"the labels of {name} run from {smallest} to {largest}; they must be 0 to the number of domains minus 1"
            f"{limit}, or -1 for rows to ignore"
        )
    return count
