"""How `everymode sample` draws: several samples in a pass, each by its own label and seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from everymode.numbers import NotFinite

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.sampling.generator import Generator

AT_ONCE = 64
"""Samples in a pass."""


class Wanted(NamedTuple):
    """One sample to draw: its label (None: drawn too) and its seed."""

    label: str | None
    seed: int


class Pass(NamedTuple):
    """Samples that were drawn together."""

    wanted: Sequence[Wanted]
    samples: Tensor
    """[n, C, H, W] images in [-1, 1], or [n, 2] points, on the CPU."""


class Drawing:
    """Draws from a generator, and counts what rejection came to.

    Args:
        labels: all that will be asked for; [None] where they are drawn.
        size: (height, width), for generators that draw any size. Large images come fewer in a pass.
        retries: how often at most a rejected sample is drawn again; None = it is kept.
        batch_size: samples in a pass, at most.

    Raises ValueError for a label that the generator does not know.
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
        self._numbers = {
            label: label_numbers(label, 1, generator.num_labels, generator.classes) for label in labels
        }
        self._truncation = truncation
        self._size = size
        self._retries = retries
        # A pass comes back whole, so large images are few in it.
        fitting = batch_size if size is None else MOST_PIXELS // max(1, size[0] * size[1])
        self._batch_size = max(1, min(batch_size, fitting))
        self._samples = self._accepted = self._draws = 0

    def passes(self, wanted: Iterable[Wanted]) -> Iterator[Pass]:
        """The samples in order, several at a time."""
        left = iter(wanted)
        while batch := list(islice(left, self._batch_size)):
            yield self.together(batch)

    def together(self, wanted: Sequence[Wanted]) -> Pass:
        """These samples in one pass.

        Raises NotFinite for samples with NaN or infinite numbers.
        """
        found = self._together(wanted)
        bad = ~found.samples.isfinite().flatten(1).all(1)
        if bad.any():
            seeds = [each.seed for each, wrong in zip(wanted, bad.tolist(), strict=True) if wrong]
            raise NotFinite(
                f"{len(seeds)} of {len(wanted)} samples (first: seed {seeds[0]}) hold NaN or infinite numbers, so "
                "nothing is written: the generator has diverged, so take an earlier checkpoint"
            )
        return found

    def _together(self, wanted: Sequence[Wanted]) -> Pass:
        options = {
            "label": self._asked(wanted),
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
        """Labels of these samples, drawn ones too: int64 [n], or [n, blocks] for several each. None where there are
        none.
        """
        import torch

        draws = self._generator.draws([each.seed for each in wanted])
        condition = self._generator.conditions(self._asked(wanted), draws)
        if not isinstance(condition, torch.Tensor) or condition.is_floating_point():
            return None
        return condition.cpu()

    def rejection(self) -> str:
        """What rejection came to, for people."""
        return f"{self._accepted} of {self._samples} are in their part, after {self._draws} draws"

    def _asked(self, wanted: Sequence[Wanted]) -> Tensor | None:
        import torch

        numbers = [self._numbers[each.label] for each in wanted]
        given = [each for each in numbers if each is not None]
        return torch.cat(given) if given else None
