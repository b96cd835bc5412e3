"""Interpolation between latent codes: frames of a closed walk from each code to the next."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from everymode.game import Condition
from everymode.sampling.generator import Generator, require_truncation
from everymode.sampling.label_names import RequestedLabels, label_numbers
from everymode.sampling.seeds import seeds_of

__all__ = ["interpolated", "spherical_walk"]

SMALLEST_SINE = 1e-4
"""Below this sine of the angle between two codes, their arc is indistinguishable from a line."""


@torch.no_grad()
def interpolated(
    generator: Generator,
    n: int,
    *,
    label: RequestedLabels = None,
    seed: int | Sequence[int] = 0,
    frames: int = 16,
    truncation: float = 1.0,
    size: tuple[int, int] | None = None,
    batch_size: int = 64,
    by_position: bool = False,
) -> Tensor:
    """Return the frames [n * frames, C, H, W], in [-1, 1] on the CPU, of a closed walk between n latent codes.

    The walk follows arcs of the sphere (`spherical_walk`). Frame i * frames is the image of code i, as `sample` draws
    it; after the last code the walk returns to the first one, so that the frames can be repeated. Each frame has the
    label of the nearer code, since labels have no values in between.

    Args:
        generator: a generator of images.
        n: number of codes.
        label: as in `Generator.sample`: one label for all codes, or one for each; None draws the label of each code.
        seed: as in `Generator.sample`.
        frames: number of frames from each code to the next.
        truncation: factor on the latent codes.
        size: (height, width), for generators that can draw any size.
        batch_size: frames per forward pass.
        by_position: as in `Generator.sample`.

    Raises:
        ValueError: if a number is out of range, or as `Generator.sample`.
        TypeError: as `Generator.sample`.
    """
    seeds = seeds_of(seed, n)
    if n < 2 or frames < 1 or batch_size < 1:
        raise ValueError(
            f"an interpolation needs n of at least 2, and frames and batch_size of at least 1, not {n}, {frames} and "
            f"{batch_size}"
        )
    require_truncation(truncation)
    numbers = label_numbers(label, n, generator.num_labels, generator.classes, by_position=by_position)
    draws = generator.draws(seeds)
    codes = spherical_walk(generator.latent_codes(draws) * truncation, frames)
    conditions = generator.conditions(numbers, draws)
    nearer = (torch.arange(n * frames, device=codes.device) * 2 + frames) // (2 * frames) % n
    images = []
    for rows in torch.arange(n * frames, device=codes.device).split(batch_size):
        condition = _rows_of(conditions, nearer[rows])
        arguments = (codes[rows], condition) if size is None else (codes[rows], condition, size)
        images.append(generator.network(*arguments).float().cpu())
    return torch.cat(images)


def spherical_walk(codes: Tensor, frames: int) -> Tensor:
    """Return the points [n * frames, D] of a closed walk through the codes [n, D], beginning at each code.

    Directions move at constant speed along the great circle from each code to the next (Shoemake 1985), and lengths
    change linearly. Straight lines between normally distributed codes would pass through short codes, which the
    generator does not know from training.
    """
    following = codes.roll(-1, 0)
    lengths = [torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (codes, following)]
    tiny = torch.finfo(codes.dtype).tiny
    first, second = (
        each / length.clamp_min(tiny) for each, length in zip((codes, following), lengths, strict=True)
    )
    cosine = (first * second).sum(1, keepdim=True).clamp(-1, 1)
    angle, sine = cosine.acos(), (1 - cosine.square()).sqrt()
    straight = sine < SMALLEST_SINE
    points = []
    for frame in range(frames):
        t = frame / frames
        weights = [torch.sin(share * angle) / sine.clamp_min(SMALLEST_SINE) for share in (1 - t, t)]
        direction = torch.where(
            straight, torch.lerp(first, second, t), weights[0] * first + weights[1] * second
        )
        points.append(direction * torch.lerp(lengths[0], lengths[1], t))
    points[0] = codes
    return torch.stack(points, 1).flatten(0, 1)


def _rows_of(condition: Condition, rows: Tensor) -> Condition:
    if isinstance(condition, tuple):
        return tuple(each[rows] for each in condition)
    return None if condition is None else condition[rows]
