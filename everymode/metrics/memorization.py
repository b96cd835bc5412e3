"""Memorization: nearest real neighbors in feature space, and whether training images are nearer than held-out ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_pair, tiles

__all__ = ["MemorizationGap", "Neighbors", "memorization_gap", "nearest_rows"]


class Neighbors(NamedTuple):
    """Nearest reference rows of M samples.

    Attributes:
        distance: float64 [M, k], Euclidean, ascending.
        row: int64 [M, k], indices of the reference rows.
    """

    distance: Tensor
    row: Tensor


class MemorizationGap(NamedTuple):
    """Distances of generated samples to training images, and to the same number of held-out images.

    Attributes:
        training, held_out: median over the samples of the distance to the nearest training or held-out image.
        gap: (held_out - training) / held_out. About 0 for a generator that learned the distribution; 1 for one that
            repeats training images.
        nearer: share of samples that are nearer to a training image than to any held-out one, ties counted half; about
            0.5 without memorization.
        count: number of reference images on each side.
    """

    training: float
    held_out: float
    gap: float
    nearer: float
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]  a published field, though tuple has count()


def nearest_rows(reference: Values, samples: Values, k: int = 1) -> Neighbors:
    """Find the k nearest reference rows [N, F] of each sample [M, F], in float64.

    Raises:
        ValueError: if there is NaN, the numbers of features differ, or k is not in 1 .. N.
    """
    known, rows = feature_pair(reference, samples, least=1)
    if not 1 <= k <= len(known):
        raise ValueError(
            f"k is {k} and there are {len(known)} reference rows; k must be from 1 to that number"
        )
    origin = known.double().mean(0)
    distances, indices = [], []
    for part in tiles(len(rows), max(len(known), rows.shape[1])):
        tile = rows[part].double() - origin
        squared = torch.full((len(tile), k), torch.inf, dtype=torch.float64)
        nearest = torch.zeros(len(tile), k, dtype=torch.int64)
        for columns in tiles(len(known), known.shape[1]):
            block = known[columns].double() - origin
            candidates = tile.square().sum(1)[:, None] + block.square().sum(1) - 2 * tile @ block.T
            numbers = torch.arange(columns.start, columns.stop).expand(len(tile), -1)
            squared, order = torch.cat([squared, candidates], 1).topk(k, dim=1, largest=False)
            nearest = torch.cat([nearest, numbers], 1).gather(1, order)
        # Matrix products round, so the distances are computed again from the differences.
        exact = (rows[part].double()[:, None] - known[nearest].double()).square().sum(2).sqrt()
        order = exact.argsort(dim=1, stable=True)
        distances.append(exact.gather(1, order))
        indices.append(nearest.gather(1, order))
    return Neighbors(torch.cat(distances), torch.cat(indices))


def memorization_gap(training: Values, held_out: Values, samples: Values) -> MemorizationGap:
    """Compare the distances of samples [M, F] to training rows and to the same number of held-out rows, [N, F] each.

    The numbers must be equal, because the nearest of more rows is nearer.

    Raises:
        ValueError: if the numbers of rows or features differ, or there is NaN.
    """
    if len(training) != len(held_out):
        raise ValueError(
            f"there are {len(training)} training and {len(held_out)} held-out rows; pass the same number of both, "
            "because the nearest of more rows is nearer"
        )
    to_training = nearest_rows(training, samples).distance[:, 0]
    to_held_out = nearest_rows(held_out, samples).distance[:, 0]
    medians = float(to_training.median()), float(to_held_out.median())
    nearer = (to_training < to_held_out).double() + 0.5 * (to_training == to_held_out).double()
    return MemorizationGap(
        training=medians[0],
        held_out=medians[1],
        gap=1 - medians[0] / medians[1] if medians[1] > 0 else 0.0,
        nearer=float(nearer.mean()),
        count=len(training),
    )
