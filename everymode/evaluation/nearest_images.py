"""Memorization check: samples beside their nearest real images, and distances to training and held-out images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.image_scores import cached_reference
from everymode.evaluation.judging import reference_of
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
"""Number of first samples in the picture, and of those nearest to a real image."""


@dataclass(frozen=True)
class Memorization:
    """Result of `memorization`.

    Attributes:
        picture: uint8 [rows * (1 + neighbors), C, H, W]; each row is a sample and its nearest real images.
        row_names: number of each row's sample, and its distance to the nearest real image.
        gap: distances to training and held-out images; None without held-out images.
        samples: number of samples.
        searched: number of real images searched.
        real: number of all real images.
    """

    picture: Tensor = field(repr=False)
    row_names: tuple[str, ...]
    gap: MemorizationGap | None
    samples: int
    searched: int
    real: int

    def summary(self) -> str:
        """Return the result as text, in one line."""
        counts = f"{self.samples:,} samples against {self.searched:,} of {self.real:,} real images"
        if self.gap is None:
            return f"memorization: {counts}; name held-out images (--held-out) for the gap"
        return (
            f"memorization: {counts}; median distance to the nearest of {self.gap.count:,} training images "
            f"{self.gap.training:.4g}, of as many held-out ones {self.gap.held_out:.4g}: gap "
            f"{100 * self.gap.gap:.1f} %; "
            f"{100 * self.gap.nearer:.1f} % of samples are nearer to training (about 50 % without memorization)"
        )

    def save(self, path: Path) -> Path:
        """Write the picture and return its path."""
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
    """Search for generated samples that repeat training images.

    Nearest neighbors are searched in feature space, among the stored real features (`max_features`).

    Args:
        real: the training images. Default: the data that the run was trained on.
        held_out: real images that were not trained on. With them the gap is measured, on equally many training images.
            Default: those that the run held out from its data, if `real` is None.
        protocol, choices: as in `evaluate`; at most 1,000 samples are used, and no metrics are computed.
        fake, recipe, device, cache_dir, verbose: as in `evaluate`.

    Returns:
        The nearest real images and, with held-out images, the memorization gap.
    Raises:
        ValueError: as `evaluate`, or if images have different sizes.
    """
    protocol = replace(protocol or Protocol(), **choices)
    torch_device = find_device(device)
    sides = open_sides(fake, real, protocol, recipe=recipe, device=torch_device)
    reference = reference_of(sides, protocol, device=torch_device, cache_dir=cache_dir, verbose=verbose)
    num = None if protocol.num is None else min(protocol.num, SAMPLES)
    images = sides.fake_images(num, reference.images, most=SAMPLES, fast=True)
    samples = collect(
        images, reference.extractor, layer=reference.layer, max_features=images.count, device=torch_device
    ).features
    statistics = reference.statistics
    neighbors = nearest_rows(statistics.features, samples, k=min(NEIGHBORS, len(statistics.rows)))
    gap = None
    held_out = sides.held_out if held_out is None else held_out
    if held_out is not None:
        dataset = open_data(
            held_out,
            resolution=sides.size,
            fit=sides.fit,
            value_range=sides.value_range,
            layout=sides.layout,
        )
        held_out_reference = cached_reference(
            images_of_dataset(dataset),
            reference.extractor,
            layer=reference.layer,
            max_features=protocol.max_features,
            device=torch_device,
            cache_dir=cache_dir,
            verbose=verbose,
        )
        gap = _gap(reference, held_out_reference, samples)
    numbers = _picture_samples(neighbors.distance[:, 0])
    return Memorization(
        picture=_picture(images, reference, numbers, neighbors.row),
        row_names=tuple(f"{number}  {float(neighbors.distance[number, 0]):.3g}" for number in numbers),
        gap=gap,
        samples=len(samples),
        searched=len(statistics.rows),
        real=statistics.count,
    )


def _gap(training: Reference, held_out: Reference, samples: Tensor) -> MemorizationGap:
    """Compute the gap on equally many training and held-out features."""
    sides = training.statistics.features, held_out.statistics.features
    count = min(map(len, sides))
    seen, unseen = (features[random_rows(count, len(features), seed=0)] for features in sides)
    return memorization_gap(seen, unseen, samples)


def _picture_samples(distance: Tensor) -> list[int]:
    """Return the numbers of the first samples and of those nearest to a real image."""
    first = list(range(min(ROWS_SHOWN, len(distance))))
    nearest = [int(number) for number in distance.argsort(stable=True) if int(number) not in first]
    return first + nearest[:ROWS_SHOWN]


def _picture(images: Images, reference: Reference, numbers: list[int], neighbors: Tensor) -> Tensor:
    samples = images.take(torch.tensor(numbers).numpy())
    rows = []
    for index, number in enumerate(numbers):
        near = reference.images.take(reference.statistics.rows[neighbors[number]].numpy())
        if near.shape[-2:] != samples.shape[-2:]:
            raise ValueError(
                f"samples have {list(samples.shape[-2:])} pixels and real images {list(near.shape[-2:])}; give one "
                "size with --resolution"
            )
        channels = max(near.shape[1], samples.shape[1])
        row = [_with(channels, samples[index : index + 1]), _with(channels, near)]
        blank = torch.full((NEIGHBORS - len(near), *row[0].shape[1:]), 255, dtype=torch.uint8)
        rows += [*row, blank]
    return torch.cat(rows)


def _with(channels: int, images: Tensor) -> Tensor:
    """Return gray, RGB or RGBA images with more channels, so that they fit into one picture."""
    if images.shape[1] == 1 and channels > 1:
        images = images.expand(-1, 3, -1, -1)
    if images.shape[1] < channels:
        images = torch.cat([images, torch.full_like(images[:, :1], 255)], 1)
    return images
