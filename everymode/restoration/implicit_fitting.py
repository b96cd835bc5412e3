"""Fitting `LocalImplicit` to images: it learns to enlarge shrunk patches of them by random factors.

As released in yinboc/liif (patches, factors, loss, and Adam with a rate that is halved at 20, 40, 60 and 80 % of the
steps), for the user's images instead of DIV2K, and with a larger default rate, as fits take minutes instead of days.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from everymode.draws import Draws, Rows, stable_seed
from everymode.restoration.implicit import LocalImplicit, implicit_colors
from everymode.restoration.resampling import downsample


@torch.enable_grad()
def fit_local_implicit(
    images: Tensor | Sequence[Tensor],
    *,
    steps: int,
    scale: tuple[float, float] = (1, 4),
    seed: int = 0,
    batch: int = 16,
    patch: int = 48,
    queries: int = 2304,
    rate: float = 1e-3,
    network: LocalImplicit | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> LocalImplicit:
    """Fit a network that enlarges images.

    Each step shrinks crops of `batch` images (bicubic) to patches, each by its own factor, and compares colors at
    random pixels of the crops by their mean absolute difference.

    Args:
        images: [N, 3, H, W] in [-1, 1], or a sequence of images [3, H, W] of any sizes.
        steps: number of optimizer steps.
        scale: smallest and largest factor, from which factors are drawn uniformly.
        seed: seed of the initial weights and all draws.
        batch: crops per step.
        patch: side of the shrunk patches; smaller if the images are.
        queries: number of pixels per crop at which colors are compared.
        rate: Adam's learning rate (released: 1e-4).
        network: a network to train further, in place; default: a new `LocalImplicit()`.
        progress: called after every step with the number of finished steps and their total.
    Returns:
        The network, in eval mode.
    Raises:
        ValueError: if there is no image, an image has other than three channels, values that are not finite floats or
            too few pixels, or a number is out of range.
    """
    pictures = list(images)
    low, high = float(scale[0]), float(scale[1])
    if not pictures or any(each.dim() != 3 or each.shape[0] != 3 for each in pictures):
        raise ValueError("there is no image, or one of another shape; pass images [N, 3, H, W] in [-1, 1]")
    if not all(each.is_floating_point() and bool(each.isfinite().all()) for each in pictures):
        raise ValueError(
            "an image has values that are not finite floats; pass images [N, 3, H, W] in [-1, 1]"
        )
    if min(steps, batch, patch, queries) < 1 or not 1 <= low <= high < math.inf or rate <= 0:
        raise ValueError(
            f"steps is {steps}, batch {batch}, patch {patch}, queries {queries}, scale {scale}, rate {rate}; counts "
            "are at least 1, 1 <= scale[0] <= scale[1], and the rate is above 0"
        )
    shortest = min(min(each.shape[1:]) for each in pictures)
    patch = min(patch, math.floor(shortest / high))
    if patch < 3:
        raise ValueError(
            f"images of {shortest} pixels leave patches of {patch} at a factor of {high}; pass larger images or a "
            "smaller largest factor"
        )
    if network is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed(seed, "local implicit"))
            network = LocalImplicit().to(pictures[0])
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    milestones = sorted({max(steps * share // 5, 1) for share in (1, 2, 3, 4)})
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.5)
    for step in range(steps):
        draws = Draws(seed, f"local implicit step {step}", Rows.all(batch), dtype=torch.float64)
        patches, points, colors, sizes = _examples(pictures, draws, patch, (low, high), queries)
        predicted = implicit_colors(
            network.encode(patches), network.weights(), points, sizes, ensemble=network.ensemble
        )
        optimizer.zero_grad()
        F.l1_loss(predicted, colors).backward()
        optimizer.step()
        rates.step()
        if progress is not None:
            progress(step + 1, steps)
    return network.eval()


def _examples(
    pictures: Sequence[Tensor], draws: Draws, patch: int, scale: tuple[float, float], queries: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return patches [B, 3, patch, patch], points [B, Q, 2], their colors [B, 3, Q] and the crops' sizes [B, 2]."""
    which = draws.integers("image", len(pictures)).tolist()
    factors = (scale[0] + (scale[1] - scale[0]) * draws.uniform("scale")).view(-1).tolist()
    corners = draws.uniform("corner", 2).tolist()
    flips = draws.integers("flip", 2, 3).tolist()
    where = draws.uniform("pixel", queries)
    patches, points, colors, sizes = [], [], [], []
    for row, (image, factor, corner, flip) in enumerate(zip(which, factors, corners, flips, strict=True)):
        picture = pictures[image]
        side = min(max(round(patch * factor), patch), *picture.shape[1:])
        top, left = (
            int(share * (whole - side + 1)) for share, whole in zip(corner, picture.shape[1:], strict=True)
        )
        crop = picture[:, top : top + side, left : left + side]
        crop = crop.mT if flip[2] else crop
        crop = crop.flip([axis + 1 for axis in (0, 1) if flip[axis]])
        index = (where[row] * side * side).long().to(crop.device)
        patches.append(downsample(crop[None], (patch, patch), "bicubic"))
        colors.append(crop.flatten(1)[:, index])
        points.append(torch.stack((index // side, index % side), 1).double().mul(2).add(1).div(side).sub(1))
        sizes.append(side)
    shape = torch.tensor(sizes, device=patches[0].device)[:, None].expand(-1, 2)
    return torch.cat(patches), torch.stack(points), torch.stack(colors), shape
