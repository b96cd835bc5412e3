"""Nearest real neighbors of generated images in feature space, and whether training images are nearer than others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from everymode.metrics.inputs import Values, feature_pair, tiles

__all__ = ["MemorizationGap", "Neighbors", "memorization_gap", "nearest_rows"]


class Neighbors(NamedTuple):
    """distance: float64 [M, k], ascending, Euclidean; row: int64 [M, k], which reference row."""

    distance: Tensor
    row: Tensor


class MemorizationGap(NamedTuple):
    """How near generated samples come to training images, and to as many held-out ones.

    training, held_out: median over the samples of the distance to the nearest one.
    gap: held_out - training, as a share of held_out. About 0 for a generator that learned the distribution; 1 for one
        that repeats training images.
    nearer: share of samples that are nearer to a training image than to any held-out one; about 0.5 without
        memorization, ties counted half.
    count: reference images on each side.
    """

    training: float
    held_out: float
    gap: float
    nearer: float
    count: int


def nearest_rows(reference: Values, samples: Values, k: int = 1) -> Neighbors:
    """The k nearest of reference rows [N, F] for each sample [M, F], in float64.

    Raises:
        ValueError: NaN, different numbers of features, or k not in 1 .. N.
    """
    known, rows = feature_pair(reference, samples, least=1)
    if not 1 <= k <= len(known):
        raise ValueError(
            f"k is {k} and there are {len(known)} reference rows; k must be from 1 to that number"
        )
    origin = known.double().mean(0)
    distances, places = [], []
    for part in tiles(len(rows), max(len(known), rows.shape[1])):
        tile = rows[part].double() - origin
        squared = torch.full((len(tile), k), torch.inf, dtype=torch.float64)
        row = torch.zeros(len(tile), k, dtype=torch.int64)
        for columns in tiles(len(known), known.shape[1]):
            piece = known[columns].double() - origin
            found = tile.square().sum(1)[:, None] + piece.square().sum(1) - 2 * tile @ piece.T
            number = torch.arange(columns.start, columns.stop).expand(len(tile), -1)
            squared, order = torch.cat([squared, found], 1).topk(k, dim=1, largest=False)
            row = torch.cat([row, number], 1).gather(1, order)
        # The product rounds: the distance itself comes from the differences.
        exact = (rows[part].double()[:, None] - known[row].double()).square().sum(2).sqrt()
        order = exact.argsort(dim=1, stable=True)
        distances.append(exact.gather(1, order))
        places.append(row.gather(1, order))
    return Neighbors(torch.cat(distances), torch.cat(places))


def memorization_gap(training: Values, held_out: Values, samples: Values) -> MemorizationGap:
    """Compare the distances of samples [M, F] to training rows and to equally many held-out ones.

    The nearest of more rows is nearer: both sides must have the same number.

    Raises:
        ValueError: different numbers of rows or features, NaN.
    """
    if len(training) != len(held_out):
        raise ValueError(
            f"{len(training)} training and {len(held_out)} held-out rows; take as many of both, since the nearest of "
            "more is nearer"
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
