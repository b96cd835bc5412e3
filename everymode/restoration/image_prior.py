"""Restoration by an untrained network: the deep image prior, a baseline that has seen no other image.

Ulyanov, Vedaldi, Lempitsky: Deep Image Prior (CVPR 2018); network and settings of its super-resolution as released in
DmitryUlyanov/deep-image-prior. Differences: any size is possible (upsampling goes to the skip connection's size), and
small images have fewer scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.draws import Draws, Rows, stable_seed
from everymode.restoration.problem import Degrade
from everymode.restoration.resampling import Size

INPUT_CHANNELS = 32
"""Channels of the noise that the network maps to the image."""


@torch.enable_grad()
def deep_image_prior(
    target: Tensor,
    degrade: Degrade,
    size: Size,
    *,
    steps: int,
    noise: float = 0.03,
    seed: int = 0,
    scales: int | None = None,
    width: int = 128,
    rate: float = 0.01,
    average: float = 0.0,
    callback: Callable[[int, Tensor], object] | None = None,
) -> Tensor:
    """Fit a randomly initialized network to a degraded image, and return its image.

    The loss is the mean squared error of degraded images alone, so too many steps fit the degradation's artifacts
    (released: 2,000 steps for a factor of 4, 4,000 with noise 0.05 for 8).

    Args:
        target: [1, C, h, w] in [-1, 1], the degraded image.
        degrade: images [1, C, height, width] -> degraded images of the target's size.
        size: (height, width) of the restored image.
        steps: number of optimizer steps.
        noise: standard deviation of the noise that every step adds to the input.
        seed: seed of initial weights and noise.
        scales: number of halvings; default: log2(shorter side) - 2, from 1 to 5.
        width: channels of the network.
        rate: Adam's learning rate.
        average: decay of a moving average of the images, which is returned; 0 = the image after the last step.
        callback: called with the number of steps made and the current image before every step; a true result stops.
    Returns:
        [1, C, height, width] in [-1, 1].
    Raises:
        ValueError: if the target is no single image of finite floats, degraded images don't have its size, or a number
            is out of range.
    """
    _require_image(target)
    if steps < 1 or noise < 0 or width < 1 or not 0 <= average < 1 or rate <= 0 or min(size) < 4:
        raise ValueError(
            f"steps is {steps}, noise {noise}, width {width}, average {average}, rate {rate} and size {tuple(size)}; "
            "pass at least 1, 0, 1, [0, 1), above 0, and sides of at least 4"
        )
    scales = default_scales(size) if scales is None else scales
    if min(size) >> scales < 2:
        raise ValueError(
            f"{scales} halvings leave less than 2 pixels of size {tuple(size)}; pass fewer scales"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed(seed, "deep image prior"))
        network = Hourglass(target.shape[1], scales=scales, width=width).to(target)
    draws = Draws(seed, "deep image prior", Rows.all(1), device=target.device, dtype=target.dtype)
    constant = draws.uniform("input", INPUT_CHANNELS, *size) * 0.1
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    averaged: Tensor | None = None
    for step in range(steps):
        of_step = Draws(
            seed, f"deep image prior step {step}", Rows.all(1), device=target.device, dtype=target.dtype
        )
        disturbed = constant + noise * of_step.normal("noise", INPUT_CHANNELS, *size) if noise else constant
        image = network(disturbed)
        degraded = degrade(image)
        if degraded.shape != target.shape:
            raise ValueError(
                f"the degradation turns images {list(image.shape)} into {list(degraded.shape)}, but the target is "
                f"{list(target.shape)}; degrade to the target's size"
            )
        if average:
            current = image.detach()
            averaged = current if averaged is None else torch.lerp(averaged, current, 1 - average)
        if callback is not None and callback(step, image.detach()):
            break
        optimizer.zero_grad()
        F.mse_loss(degraded, target).backward()
        optimizer.step()
    if averaged is not None:
        return averaged
    with torch.no_grad():
        return network(constant)


def _require_image(target: Tensor) -> None:
    if target.dim() != 4 or len(target) != 1 or not target.is_floating_point():
        raise ValueError(
            f"the target has shape {list(target.shape)} and type {target.dtype}; pass one image, floats [1, C, h, w] "
            "in [-1, 1]"
        )
    if not bool(target.isfinite().all()):
        raise ValueError("the target has values that are not finite; pass an image in [-1, 1]")


def default_scales(size: Size) -> int:
    """Return log2(shorter side) - 2, rounded down, from 1 to 5."""
    return min(max(int(math.log2(min(size))) - 2, 1), 5)


class Hourglass(nn.Module):
    """The network of the deep image prior: noise [B, 32, H, W] -> images [B, channels, H, W] in [-1, 1].

    Args:
        channels: channels of the images.
        scales: number of halvings.
        width: channels of every layer.
        skip: channels of the skip connections.
    """

    def __init__(self, channels: int = 3, *, scales: int = 5, width: int = 128, skip: int = 4) -> None:
        super().__init__()
        if scales < 1:
            raise ValueError(f"scales is {scales}; the network halves its input at least once")
        self.scales = nn.ModuleList(
            _Scale(INPUT_CHANNELS if index == 0 else width, width, skip) for index in range(scales)
        )
        self.output = nn.Conv2d(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for scale in self.scales:
            skips.append(scale.skip(x))  # pyright: ignore[reportCallIssue]
            x = scale.down(x)  # pyright: ignore[reportCallIssue]
        for scale, skipped in zip(reversed(self.scales), reversed(skips), strict=True):
            size = (skipped.shape[2], skipped.shape[3])
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
            x = scale.up(torch.cat((skipped, x), 1))  # pyright: ignore[reportCallIssue]
        return 2 * torch.sigmoid(self.output(x)) - 1


class _Scale(nn.Module):
    """The layers of one scale, by their three ways."""

    def __init__(self, in_channels: int, width: int, skip: int) -> None:
        super().__init__()
        self.skip = _convolution(in_channels, skip, 1)
        self.down = nn.Sequential(
            _convolution(in_channels, width, 3, stride=2), _convolution(width, width, 3)
        )
        self.up = nn.Sequential(
            nn.BatchNorm2d(skip + width), _convolution(skip + width, width, 3), _convolution(width, width, 1)
        )


def _convolution(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """Return reflection padding, convolution, batch normalization (always of the one image) and leaky ReLU."""
    return nn.Sequential(
        nn.ReflectionPad2d(kernel // 2),
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(0.2),
    )
