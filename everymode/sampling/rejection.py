"""Rejection sampling: a sample that does not match its label is drawn again, with the same label and a new z.

Partition-Guided GAN, section 4.2: a sample for part c of the partition is accepted if the guide R_c is zero. The
released code, alisadeghian/PGMGAN:gan_training/seeded_sampler.py, draws at most 21 times and keeps the last sample
even if it is rejected. Labels stay, so their proportions stay too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everymode.game import Condition
from everymode.sampling.generator import Generator, require_truncation
from everymode.sampling.label_names import RequestedLabels, label_numbers
from everymode.sampling.seeds import seeds_of

__all__ = ["Redrawn", "redraw_rejected", "sample_accepted"]

RETRIES = 20
"""Retries per image: with the first draw 21 draws, as in the released code."""


class Redrawn(NamedTuple):
    """Samples with the outcome of rejection."""

    images: Tensor
    """[n, C, H, W] in [-1, 1], or [n, 2] points, on the CPU."""
    accepted: Tensor
    """[n] bool: True for samples that were accepted; the others are the last of their draws."""
    draws: Tensor
    """[n] int64: number of draws of each sample, 1 to retries + 1."""

    @property
    def rate(self) -> float:
        """Acceptance rate: accepted draws divided by all draws."""
        return int(self.accepted.sum()) / int(self.draws.sum())


def sample_accepted(
    generator: Generator,
    n: int,
    *,
    label: RequestedLabels = None,
    seed: int | Sequence[int] = 0,
    retries: int = RETRIES,
    truncation: float = 1.0,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Draw samples like `Generator.sample`, and draw rejected ones again at most `retries` times.

    Image i is still a function of seed + i, or of seed[i] (and of `retries`). It equals the image of `Generator.sample`
    if its first draw is accepted.

    Args:
        generator: its label source must be able to accept or reject samples.
        n: number of images.
        label: as in `Generator.sample`.
        seed: as in `Generator.sample`.
        retries: largest number of further draws of each image.
        truncation: factor on the latent code.
        batch_size: images per forward pass.

    Returns:
        The images, and [n] bool: whether each was accepted.
    Raises:
        ValueError: as in `Generator.sample`, or if the generator can't tell whether a sample matches its label.
    """
    redrawn = redraw_rejected(
        generator, n, label=label, seed=seed, retries=retries, truncation=truncation, batch_size=batch_size
    )
    return redrawn.images, redrawn.accepted


@torch.no_grad()
def redraw_rejected(
    generator: Generator,
    n: int,
    *,
    label: RequestedLabels = None,
    seed: int | Sequence[int] = 0,
    retries: int = RETRIES,
    truncation: float = 1.0,
    batch_size: int = 64,
    by_position: bool = False,
) -> Redrawn:
    """Draw samples like `sample_accepted`, and also return the number of draws of each.

    Args:
        generator, n, label, seed, retries, truncation, batch_size: as in `sample_accepted`.
        by_position: as in `Generator.sample`.

    Raises:
        ValueError: as `sample_accepted`.
    """
    all_seeds = seeds_of(seed, n)
    if n < 1 or batch_size < 1 or retries < 0:
        raise ValueError(
            f"n and batch_size must be at least 1 and retries at least 0, not {n}, {batch_size} and {retries}"
        )
    require_truncation(truncation)
    numbers = label_numbers(label, n, generator.num_labels, generator.classes, by_position=by_position)
    batches = []
    for start in range(0, n, batch_size):
        seeds = all_seeds[start : start + batch_size]
        condition = generator.conditions(
            None if numbers is None else numbers[start : start + batch_size], generator.draws(seeds)
        )
        batches.append(_accepted_batch(generator, seeds, condition, retries=retries, truncation=truncation))
    return Redrawn(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def _accepted_batch(
    generator: Generator, seeds: Sequence[int], condition: Condition, *, retries: int, truncation: float
) -> Redrawn:
    if not isinstance(condition, Tensor):
        raise ValueError(_CANT_TELL)
    rows = torch.arange(len(seeds), device=generator.device)
    images: Tensor | None = None
    accepted = torch.zeros(len(seeds), dtype=torch.bool, device=generator.device)
    draws = torch.zeros(len(seeds), dtype=torch.long, device=generator.device)
    for attempt in range(retries + 1):
        moment = f"sample again {attempt}" if attempt else "sample"
        codes = generator.latent_codes(generator.draws([seeds[row] for row in rows.tolist()], moment))
        batch = generator.network(codes * truncation, condition[rows])
        passed = generator.labels.accepts(batch, condition[rows])
        if passed is None:
            raise ValueError(_CANT_TELL)
        images = batch.clone() if images is None else images.index_copy(0, rows, batch)
        accepted[rows] = passed
        draws[rows] += 1
        rows = rows[~passed]
        if not len(rows):
            break
    assert images is not None
    return Redrawn(images.float().cpu(), accepted.cpu(), draws.cpu())


_CANT_TELL = (
    "this generator can't tell whether a sample matches its label, so it can't reject samples: turn rejection off "
    "(it is for generators on the parts of a partition, such as partition-guided-digits)"
)
