"""Drawing of samples for `everymode sample`: several samples per pass, each with its label and seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from everymode.numbers import NotFinite

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.sampling.generator import Generator

AT_ONCE = 64
"""Samples per pass, by default."""


class Wanted(NamedTuple):
    """Label of a sample (None: drawn at random) and its seed."""

    label: str | None
    seed: int


class Pass(NamedTuple):
    """Samples that are drawn in one pass."""

    wanted: Sequence[Wanted]
    samples: Tensor
    """[n, C, H, W] images in [-1, 1], or [n, 2] points, on the CPU."""


class Drawing:
    """Sampler of a generator, which counts rejected samples.

    Args:
        generator: the generator.
        labels: all labels that will be requested; [None] if labels are drawn at random.
        truncation: factor on the latent code.
        size: (height, width), for generators that draw any size. Passes of large images have fewer samples.
        retries: maximum number of redraws of a rejected sample; None means no rejection.
        batch_size: maximum number of samples per pass.

    Raises:
        ValueError: if the generator has no such label.
    """

    def __init__(
        self,
        generator: Generator,
        labels: Sequence[str | None],
        *,
        truncation: float = 1.0,
        size: tuple[int, int] | None = None,
        retries: int | None = None,
        batch_size: int = AT_ONCE,
    ) -> None:
        from everymode.sampling.generator import MOST_PIXELS
        from everymode.sampling.label_names import label_numbers

        self._generator = generator
        self._indices = {
            label: label_numbers(label, 1, generator.num_labels, generator.classes) for label in labels
        }
        self._truncation = truncation
        self._size = size
        self._retries = retries
        # The samples of a pass are in memory together, so a pass of large images has few.
        fitting = batch_size if size is None else MOST_PIXELS // max(1, size[0] * size[1])
        self._batch_size = max(1, min(batch_size, fitting))
        self._samples = self._accepted = self._draws = 0

    def passes(self, wanted: Iterable[Wanted]) -> Iterator[Pass]:
        """Yield the samples in order, in passes of several samples."""
        remaining = iter(wanted)
        while batch := list(islice(remaining, self._batch_size)):
            yield self.together(batch)

    def together(self, wanted: Sequence[Wanted]) -> Pass:
        """Draw samples in one pass.

        Raises:
            NotFinite: if a sample has NaN or infinite values.
        """
        drawn = self._together(wanted)
        bad = ~drawn.samples.isfinite().flatten(1).all(1)
        if bad.any():
            seeds = [each.seed for each, wrong in zip(wanted, bad.tolist(), strict=True) if wrong]
            raise NotFinite(
                f"{len(seeds)} of {len(wanted)} samples (first: seed {seeds[0]}) have NaN or infinite values, so "
                "nothing is written: the generator has diverged, so use an earlier checkpoint"
            )
        return drawn

    def _together(self, wanted: Sequence[Wanted]) -> Pass:
        options = {
            "label": self._label_indices(wanted),
            "by_position": True,
            "seed": [each.seed for each in wanted],
            "truncation": self._truncation,
            "batch_size": len(wanted),
        }
        if self._retries is None:
            return Pass(wanted, self._generator.sample(len(wanted), size=self._size, **options))
        from everymode.sampling.rejection import redraw_rejected

        drawn = redraw_rejected(self._generator, len(wanted), retries=self._retries, **options)
        self._samples += len(wanted)
        self._accepted += int(drawn.accepted.sum())
        self._draws += int(drawn.draws.sum())
        return Pass(wanted, drawn.images)

    def labels(self, wanted: Sequence[Wanted]) -> Tensor | None:
        """Return the labels of samples, random ones included: int64 [n], or [n, blocks] with several labels per image.

        Returns:
            None for a generator without labels.
        """
        import torch

        draws = self._generator.draws([each.seed for each in wanted])
        condition = self._generator.conditions(self._label_indices(wanted), draws)
        if not isinstance(condition, torch.Tensor) or condition.is_floating_point():
            return None
        return condition.cpu()

    def rejection(self) -> str:
        """Return a message with the number of accepted samples and of draws."""
        counts = f"{self._accepted} of {self._samples} samples"
        return f"{counts} are in their part of the partition, after {self._draws} draws"

    def _label_indices(self, wanted: Sequence[Wanted]) -> Tensor | None:
        import torch

        indices = [self._indices[each.label] for each in wanted]
        set_indices = [each for each in indices if each is not None]
        return torch.cat(set_indices) if set_indices else None
