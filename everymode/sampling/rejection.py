"""Rejection sampling: a sample that is not what was asked for is drawn again, with the same label and a new z.

Partition-Guided GAN, section 4.2: a sample under part c is accepted where the guide R_c is zero. Released in
alisadeghian/PGMGAN:gan_training/seeded_sampler.py, with 21 draws at most, of which the last is kept whatever it is. As
the label stays, the proportions of the labels do too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everymode.game import Condition
from everymode.sampling.generator import Generator, require_truncation, seeds_of
from everymode.sampling.label_names import Asked, label_numbers

__all__ = ["Redrawn", "redraw_rejected", "sample_accepted"]

RETRIES = 20
"""Of each image: 21 draws, as released."""


class Redrawn(NamedTuple):
    """Samples, and how they came about."""

    images: Tensor
    """[n, C, H, W] in [-1, 1], or [n, 2] points, on the CPU."""
    accepted: Tensor
    """[n] bool: which are what was asked for; the others are the last of their draws."""
    draws: Tensor
    """[n] int64: how often each was drawn, 1 to retries + 1."""

    @property
    def rate(self) -> float:
        """Accepted draws over all draws."""
        return int(self.accepted.sum()) / int(self.draws.sum())


def sample_accepted(
    generator: Generator,
    n: int,
    *,
    label: Asked = None,
    seed: int | Sequence[int] = 0,
    retries: int = RETRIES,
    truncation: float = 1.0,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """As `Generator.sample`, but what is rejected is drawn again, at most `retries` times.

    Image i is still a function of seed + i, or of its own seed where each is given one (and of `retries`), and the same
    as `Generator.sample`'s where its first draw is accepted.

    Returns:
        The images, and [n] bool: which of them are accepted.
    Raises:
        ValueError: as `Generator.sample`; a generator that can't tell whether a sample is what was asked for.
    """
    found = redraw_rejected(
        generator, n, label=label, seed=seed, retries=retries, truncation=truncation, batch_size=batch_size
    )
    return found.images, found.accepted


@torch.no_grad()
def redraw_rejected(
    generator: Generator,
    n: int,
    *,
    label: Asked = None,
    seed: int | Sequence[int] = 0,
    retries: int = RETRIES,
    truncation: float = 1.0,
    batch_size: int = 64,
    by_position: bool = False,
) -> Redrawn:
    """`sample_accepted`, with the number of draws of each image. Args: as `Generator.sample`."""
    every = seeds_of(seed, n)
    if n < 1 or batch_size < 1 or retries < 0:
        raise ValueError(
            f"ask for at least one image, in batches of at least one, redrawn 0 times or more, not {n} by "
            f"{batch_size} and {retries} times"
        )
    require_truncation(truncation)
    given = label_numbers(label, n, generator.num_labels, generator.classes, by_position=by_position)
    batches = []
    for start in range(0, n, batch_size):
        seeds = every[start : start + batch_size]
        condition = generator.conditions(
            None if given is None else given[start : start + batch_size], generator.draws(seeds)
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
        drawn = generator.network(codes * truncation, condition[rows])
        verdict = generator.labels.accepts(drawn, condition[rows])
        if verdict is None:
            raise ValueError(_CANT_TELL)
        images = drawn.clone() if images is None else images.index_copy(0, rows, drawn)
        accepted[rows] = verdict
        draws[rows] += 1
        rows = rows[~verdict]
        if not len(rows):
            break
    assert images is not None
    return Redrawn(images.float().cpu(), accepted.cpu(), draws.cpu())


_CANT_TELL = (
    "this generator can't tell whether a sample is what was asked for, so none can be rejected: leave rejection out "
    "(it is for generators on the parts of a partition, such as partition-guided-digits)"
)
