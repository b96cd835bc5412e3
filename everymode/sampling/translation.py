"""Images from label maps, pictures of lower resolution, or pictures with attributes, by a trained generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from everymode.game import Condition
from everymode.sampling.seeds import seeds_of

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator


@torch.no_grad()
def translate(
    generator: Generator, condition: Condition, *, seed: int | Sequence[int] = 0, batch_size: int = 16
) -> Tensor:
    """Return the generator's images [n, C, H, W] in [-1, 1] for n conditions, on the CPU.

    Args:
        generator: a trained generator that takes pictures or label maps.
        condition: label maps [n, H, W] (integers, 255 = no class), a tuple (maps, edges [n, H, W]), pictures
            [n, C, h, w] in [-1, 1] of lower resolution, or a tuple (pictures, attribute values [n, blocks]).
        seed: image i depends on its condition and, if the generator has a latent code, on seed + i; or one seed per
            image.
        batch_size: images per forward pass.

    Raises:
        ValueError: if the generator doesn't take such conditions, or the number of seeds or the batch size is wrong.
    """
    if not generator.labels.needs_examples:
        raise ValueError(
            "this generator draws samples from noise and labels, not from pictures or label maps: use sample"
        )
    parts = _parts_of(condition)
    count = len(parts[0])
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    seeds = seeds_of(seed, count)
    images = []
    for start in range(0, count, batch_size):
        rows = slice(start, min(start + batch_size, count))
        draws = generator.draws(seeds[rows])
        moved = tuple(_on_device(part[rows], generator) for part in parts)
        given = moved if isinstance(condition, tuple) else moved[0]
        codes = generator.latent_codes(draws) if generator.latent_dim else None
        images.append(generator.network(codes, given).float().cpu())
    return torch.cat(images)


def _parts_of(condition: Condition) -> list[Tensor]:
    """Return the tensors of a condition; raise ValueError unless they are maps, pictures or attributes of n rows."""
    parts = condition if isinstance(condition, tuple) else (condition,)
    tensors = [part for part in parts if isinstance(part, Tensor) and part.ndim >= 2]
    if len(tensors) < len(parts) or not tensors:
        raise ValueError(
            "translate needs label maps [n, H, W], pictures [n, C, h, w], or a tuple of them with edges or attribute "
            f"values, not {type(condition).__name__}"
        )
    counts = [len(part) for part in tensors]
    if len(set(counts)) > 1:
        raise ValueError(f"all parts of a condition must have as many rows; these have {counts}")
    if not counts[0]:
        raise ValueError("translate needs at least one condition, and these have 0 rows")
    return tensors


def _on_device(part: Tensor, generator: Generator) -> Tensor:
    """Return a part of a condition on the generator's device: pictures in its precision, maps and labels as int64."""
    pictures = part.is_floating_point()
    return part.to(generator.device, generator.dtype if pictures else torch.int64)
