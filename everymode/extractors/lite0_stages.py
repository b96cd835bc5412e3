"""Feature maps of lite0's stages, with gradients, and the perceptual distance that is computed from them.

The distance has the form of LPIPS (Zhang et al. 2018, eq. 1) without learned weights, on another network: it is
printed as "pd-lite0-128" and is never to be called LPIPS or compared with it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everymode.extractors.extraction import NETWORK_BATCH
from everymode.extractors.lite0 import SHA256, SMALLEST, STAGES, Lite0, lite0_network
from everymode.extractors.pixels import quantized, with_channels
from everymode.extractors.precision import full_float32
from everymode.extractors.resizing import BICUBIC
from everymode.metrics.perceptual import perceptual_distance

__all__ = ["Lite0Stages", "lite0_perceptual"]


class Lite0Stages:
    """Maps from images to the unpooled outputs of lite0's stages, for perceptual terms and distances.

    It is not a module: its frozen weights are not part of the checkpoints of what holds it. It uses a copy of the
    network on the device of each image, so that extractors of the same weights may move theirs.

    Args:
        size: side to which images are resized, as the extractor `lite0` does (bicubic, antialiased, stretched), at
            least 32.
        stages: numbers of the stages, increasing, from 1 to 7.
        path: path of the weights. Default: those of the installed package.

    Attributes:
        size: see above.
        stages: see above.
        channels: number of channels of each map.
        weights_hash: SHA-256 of the weights, 64 hexadecimal digits.
        smallest: smallest side of an image in pixels; 1, as all are resized.

    Raises:
        ValueError: if the size is below 32, stages are not increasing numbers from 1 to 7, or the file has another
            hash.
        ModuleNotFoundError: if the package with the weights is missing.
    """

    smallest = 1

    def __init__(
        self, size: int = 128, *, stages: Sequence[int] = (1, 2, 3, 4, 5), path: str | Path | None = None
    ) -> None:
        if size < SMALLEST:
            raise ValueError(f"the size of lite0 must be at least {SMALLEST} pixels, not {size}")
        if not stages or sorted(set(stages)) != list(stages) or not set(stages) <= set(range(1, 8)):
            raise ValueError(
                f"stages are {tuple(stages)}; give increasing numbers from 1 to 7, such as (1, 2, 3, 4, 5)"
            )
        self.size = size
        self.stages = tuple(stages)
        self.channels = tuple(STAGES[stage - 1][-1] for stage in stages)
        self.weights_hash = SHA256
        self._source = lite0_network(path)
        self._copies: dict[torch.device, Lite0] = {}

    @property
    def distance_name(self) -> str:
        """Name of the perceptual distance on these maps: "pd-lite0-128" for stages 1 to 5 at 128 pixels."""
        standard = self.stages == (1, 2, 3, 4, 5)
        return f"pd-lite0-{self.size}" + ("" if standard else f"-stages-{'-'.join(map(str, self.stages))}")

    def facts(self) -> dict[str, Any]:
        """Return the facts about the maps that are stored with every distance, as JSON values."""
        return {
            "name": self.distance_name,
            "weights_hash": self.weights_hash,
            "input_size": [self.size, self.size],
            "resize": BICUBIC.name,
            "stages": list(self.stages),
            "weights": "none",
        }

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of images in [-1, 1]; gradients flow to the images.

        Args:
            images: floats [B, C, H, W] in [-1, 1]; C is 3, or 1 for gray, which is repeated. They are not rounded;
                what enlarging overshoots is clipped.

        Returns:
            One float32 map [B, channels, h, w] per stage, on the images' device; computed in float32 also inside
            autocast.
        Raises:
            ValueError: if images are not floats [B, 1 or 3, H, W].
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
            raise ValueError(
                f"images are {images.dtype} {list(images.shape)}; give floats in [-1, 1], [B, 3, H, W], or [B, 1, H, "
                "W] for gray"
            )
        with torch.autocast(images.device.type, enabled=False):
            return self._maps_of_levels(images.float().add(1).mul(127.5))

    __call__ = maps

    def distances(self, first: Tensor, second: Tensor, *, device: torch.device | str | None = None) -> Tensor:
        """Return the perceptual distance of each pair of images, see `lite0_perceptual`."""
        return lite0_perceptual(first, second, stages=self, device=device)

    def _maps_of_levels(self, levels: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of float32 images in 0 .. 255."""
        if levels.shape[1] == 1:
            levels = levels.expand(-1, 3, -1, -1)
        resized = BICUBIC.resize(levels, (self.size, self.size)).contiguous(memory_format=torch.channels_last)
        return self._network(levels.device).stage_maps(resized, self.stages)

    def _network(self, device: torch.device) -> Lite0:
        if device not in self._copies:
            self._copies[device] = copy.deepcopy(self._source).to(device)
        return self._copies[device]


def lite0_perceptual(
    first: Tensor,
    second: Tensor,
    *,
    stages: Lite0Stages | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Compute the perceptual distance of each pair of images: by default "pd-lite0-128".

    Images are rounded to 8 bits, as if they were stored, and resized to 128 pixels. For gradients call
    `perceptual_distance` on `Lite0Stages.maps` instead.

    Args:
        first, second: images [B, C, H, W], uint8 or floats in [-1, 1], with 1, 3 or (uint8 only) 4 channels. The sizes
            of both sides may differ.
        stages: the maps to use. Default: stages 1 to 5 at 128 pixels.
        device: device of the network. Default: that of `first`.

    Returns:
        float32 [B] on the CPU, at least 0; 0 for equal images.
    Raises:
        ValueError: if the numbers of images differ or are 0, or images have another shape or type.
        ModuleNotFoundError: if the package with the weights is missing.
    """
    if first.ndim != 4 or second.ndim != 4 or len(first) != len(second) or len(first) == 0:
        raise ValueError(
            f"first has shape {list(first.shape)} and second {list(second.shape)}; two batches [B, C, H, W] of as "
            "many images, at least one, are needed"
        )
    network = Lite0Stages() if stages is None else stages
    target = torch.device(first.device if device is None else device)
    distances = []
    for start in range(0, len(first), NETWORK_BATCH):
        with full_float32(target):
            maps = [
                network._maps_of_levels(_levels(side[start : start + NETWORK_BATCH]).to(target))
                for side in (first, second)
            ]
            distances.append(torch.as_tensor(perceptual_distance(*maps)).cpu())
    return torch.cat(distances)


def _levels(images: Tensor) -> Tensor:
    """Return images as RGB in 0 .. 255, whole numbers in float32."""
    return with_channels(images if images.dtype == torch.uint8 else quantized(images), 3).float()
