"""Has a generator learned images by heart? Its samples beside their nearest real images, and nearest distances."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.judging import cached_reference, reference_of
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.reference import Reference
from everymode.evaluation.reservoir import random_rows
from everymode.evaluation.sides import Side, open_data, open_sides
from everymode.evaluation.statistics import Images, collect
from everymode.evaluation.streams import images_of_dataset
from everymode.machine.device import find_device
from everymode.metrics.memorization import MemorizationGap, memorization_gap, nearest_rows
from everymode.old_names import renamed_keywords
from everymode.pictures import save_grid
from everymode.recipe import Recipe

__all__ = ["Memorization", "memorization"]

SAMPLES = 1000
NEIGHBORS = 5
ROWS_SHOWN = 6
"""Of the first samples, and again of those that lie nearest to a real image."""


@dataclass(frozen=True)
class Memorization:
    """What `memorization` found.

    Attributes:
        picture: uint8 [rows * (1 + neighbors), C, H, W]: a sample, then its nearest real images, row by row.
        row_names: number of each row's sample, and its distance to the nearest real image.
        gap: where held-out images were given.
        samples: how many were looked at.
        searched, real: real images searched, of how many.
    """

    picture: Tensor = field(repr=False)
    row_names: tuple[str, ...]
    gap: MemorizationGap | None
    samples: int
    searched: int
    real: int

    def summary(self) -> str:
        """What the numbers say, in a sentence or two."""
        seen = f"{self.samples:,} samples against {self.searched:,} of {self.real:,} real images"
        if self.gap is None:
            return f"memorization: {seen}; name held-out images (--held-out) for the gap"
        return (
            f"memorization: {seen}; median distance to the nearest of {self.gap.count:,} training images "
            f"{self.gap.training:.4g}, of as many held-out ones {self.gap.held_out:.4g}: gap "
            f"{100 * self.gap.gap:.1f} %; "
            f"{100 * self.gap.nearer:.1f} % of samples are nearer to training (about 50 % without memorization)"
        )

    def save(self, path: Path) -> Path:
        """Write the picture."""
        images = self.picture.float() / 127.5 - 1
        return save_grid(images, path, columns=1 + NEIGHBORS, row_names=self.row_names)


@renamed_keywords(talk="verbose")
def memorization(
    fake: Side,
    real: Side | None = None,
    held_out: str | Path | Dataset | None = None,
    *,
    protocol: Protocol | None = None,
    recipe: Recipe | None = None,
    device: str | None = None,
    cache_dir: str | Path | None = None,
    verbose: bool = False,
    **choices: Any,
) -> Memorization:
    """Look for generated samples that repeat training images.

    Nearest neighbors are taken in feature space, among the real features that were kept (`max_features`).

    Args:
        real: the training images.
        held_out: real images that training never saw; with them the gap is measured, on as many training images.
        protocol, choices: as `evaluate`; at most 1,000 samples are looked at, and no metrics taken.
        Others as `evaluate`.

    Raises:
        ValueError: as `evaluate`; images of different sizes.
    """
    protocol = replace(protocol or Protocol(), **choices)
    place = find_device(device)
    sides = open_sides(fake, real, protocol, recipe=recipe, device=place)
    reference = reference_of(sides, protocol, device=place, cache_dir=cache_dir, verbose=verbose)
    num = None if protocol.num is None else min(protocol.num, SAMPLES)
    images = sides.fake_images(num, reference, most=SAMPLES, fast=True)
    samples = collect(
        images, reference.extractor, layer=reference.layer, max_features=images.count, device=place
    ).features
    known = reference.statistics
    neighbors = nearest_rows(known.features, samples, k=min(NEIGHBORS, len(known.rows)))
    gap = None
    if held_out is not None:
        opened = open_data(held_out, resolution=sides.size, fit=sides.fit, value_range=sides.value_range)
        others = cached_reference(
            images_of_dataset(opened),
            reference.extractor,
            layer=reference.layer,
            max_features=protocol.max_features,
            device=place,
            cache_dir=cache_dir,
            verbose=verbose,
        )
        gap = _gap(reference, others, samples)
    shown = _shown(neighbors.distance[:, 0])
    return Memorization(
        picture=_picture(images, reference, shown, neighbors.row),
        row_names=tuple(f"{number}  {float(neighbors.distance[number, 0]):.3g}" for number in shown),
        gap=gap,
        samples=len(samples),
        searched=len(known.rows),
        real=known.count,
    )


def _gap(training: Reference, held_out: Reference, samples: Tensor) -> MemorizationGap:
    sides = training.statistics.features, held_out.statistics.features
    count = min(map(len, sides))
    equal = [features[random_rows(count, len(features), seed=0)] for features in sides]
    return memorization_gap(*equal, samples)


def _shown(distance: Tensor) -> list[int]:
    """The first samples, and those nearest to a real image."""
    first = list(range(min(ROWS_SHOWN, len(distance))))
    nearest = [int(number) for number in distance.argsort(stable=True) if int(number) not in first]
    return first + nearest[:ROWS_SHOWN]


def _picture(images: Images, reference: Reference, shown: list[int], neighbors: Tensor) -> Tensor:
    drawn = images.take(torch.tensor(shown).numpy())
    rows = []
    for place, number in enumerate(shown):
        near = reference.images.take(reference.statistics.rows[neighbors[number]].numpy())
        if near.shape[-2:] != drawn.shape[-2:]:
            raise ValueError(
                f"samples are {list(drawn.shape[-2:])} and real images {list(near.shape[-2:])} pixels; give one size "
                "with --resolution"
            )
        channels = max(near.shape[1], drawn.shape[1])
        row = [_with(channels, drawn[place : place + 1]), _with(channels, near)]
        blank = torch.full((NEIGHBORS - len(near), *row[0].shape[1:]), 255, dtype=torch.uint8)
        rows += [*row, blank]
    return torch.cat(rows)


def _with(channels: int, images: Tensor) -> Tensor:
    """Gray, RGB or RGBA images with more channels, for one picture."""
    if images.shape[1] == 1 and channels > 1:
        images = images.expand(-1, 3, -1, -1)
    if images.shape[1] < channels:
        images = torch.cat([images, torch.full_like(images[:, :1], 255)], 1)
    return images
