"""The generated images in which a unit is strongest, and the pixels of them in which it is on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.dissection.dissecting import Dissection
from everymode.dissection.generated import GeneratedImages
from everymode.inversion.drawing import DrawCodes, uniform_draw
from everymode.inversion.layers import GeneratorLayers, device_and_dtype, frozen_in_eval_mode
from everymode.pictures import to_uint8

__all__ = ["StrongestImages", "StrongestOfLayer", "strongest_images"]


@dataclass(frozen=True, eq=False, repr=False)
class StrongestOfLayer:
    """Images in which the units of one layer have their largest activations.

    Attributes:
        rows: int64 [U, k], numbers of the images, the strongest first.
        peaks: float64 [U, k], largest activation in each.
        activations: [U, k, h, w], the unit's activations in these images.
        levels: float64 [U], level of each unit; NaN where it has none, so that it is nowhere on.
    """

    rows: Tensor
    peaks: Tensor
    activations: Tensor
    levels: Tensor

    def on(self, unit: int, size: tuple[int, int]) -> Tensor:
        """Return the pixels in which a unit is on, as `unit_iou` defines them: bool [k, H, W] for this size (H, W)."""
        maps = self.activations[unit][:, None].double()
        enlarged = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return enlarged[:, 0] > self.levels[unit]


@dataclass(frozen=True, eq=False, repr=False)
class StrongestImages:
    """The strongest images of all units of the dissected layers.

    Attributes:
        images: number of an image -> the image, uint8 [C, H, W].
        layers: one entry per layer of the dissection, in its order.
    """

    images: Mapping[int, Tensor]
    layers: tuple[StrongestOfLayer, ...]


@torch.no_grad()
def strongest_images(
    generator: Any,
    dissection: Dissection,
    *,
    count: int = 6,
    draw: DrawCodes | None = None,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> StrongestImages:
    """Return the images of a dissection in which each unit has its largest activations.

    Args:
        generator: the dissected generator.
        dissection: result of `dissect`; its images are generated again.
        count: number of images per unit; at most the number of images.
        draw: the `draw` of `dissect`.
        batch: images per pass.
        progress: called after every pass with the number of finished images and their total.

    Raises:
        ValueError: if `count` or `batch` is below 1.
    """
    if count < 1 or batch < 1:
        raise ValueError(f"count is {count} and batch {batch}; at least 1 is needed")
    device, dtype = device_and_dtype(generator)
    indices = tuple(layer.index for layer in dissection.layers)
    source = GeneratedImages(
        GeneratorLayers(generator),
        draw or uniform_draw(generator),
        indices,
        dissection.label,
        dissection.seed,
        batch,
        device,
        dtype,
    )
    number, done = dissection.num, 0

    def report(finished: int) -> None:
        nonlocal done
        done += finished
        if progress is not None:
            progress(done, 2 * number)

    with frozen_in_eval_mode(generator):
        peaks: list[list[Tensor]] = [[] for _ in indices]
        for activations, _ in source.batches(0, number):
            for of_layer, each in zip(peaks, activations, strict=True):
                of_layer.append(each.flatten(2).amax(2).double().cpu())
            report(len(activations[0]))
        ranked = [torch.cat(of_layer).T.sort(dim=1, descending=True, stable=True) for of_layer in peaks]
        rows = [each.indices[:, :count] for each in ranked]
        images, maps = _collected(source, number, rows, report)
    layers = [
        StrongestOfLayer(numbers, each.values[:, :count], of_layer, layer.best_levels)
        for numbers, each, of_layer, layer in zip(rows, ranked, maps, dissection.layers, strict=True)
    ]
    return StrongestImages(images, tuple(layers))


def _collected(
    source: GeneratedImages, number: int, rows: list[Tensor], report: Callable[[int], None]
) -> tuple[dict[int, Tensor], list[Tensor]]:
    """Return the images with these numbers, and each unit's activations in its images: [U, k, h, w] per layer."""
    images: dict[int, Tensor] = {}
    maps: list[Tensor] = []
    wanted = torch.zeros(number, dtype=torch.bool)
    for each in rows:
        wanted[each.flatten()] = True
    first = 0
    for activations, draw_images in source.batches(0, number):
        stop = first + len(activations[0])
        if not maps:
            maps = [
                torch.empty(*each.shape, *of_layer.shape[2:], dtype=of_layer.dtype)
                for each, of_layer in zip(rows, activations, strict=True)
            ]
        for each, of_layer, collected in zip(rows, activations, maps, strict=True):
            units, positions = ((each >= first) & (each < stop)).nonzero(as_tuple=True)
            local = each[units, positions] - first
            collected[units, positions] = of_layer[local.to(of_layer.device), units.to(of_layer.device)].cpu()
        local = wanted[first:stop].nonzero().flatten()
        if len(local):
            drawn = to_uint8(draw_images())
            images.update({first + row: drawn[row].clone() for row in local.tolist()})
        report(stop - first)
        first = stop
    return images, maps
