"""Progress of a long command, on stderr: a bar on a terminal, otherwise a line every 30 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")

SECONDS_TO_BAR = 1.0
"""Time before the bar is shown."""
SECONDS_TO_LINE = 30.0
"""Time between two lines without a terminal."""


class Meter:
    """Progress that a command reports itself; a context manager.

    Args:
        total: number of units.
        unit: what is counted, in the plural.
    """

    def __init__(self, total: int, unit: str = "samples") -> None:
        from tqdm import tqdm

        self.total, self.unit, self.done = total, unit, 0
        self._terminal = sys.stderr.isatty()
        self._bar = tqdm(total=total, unit=f" {unit}", disable=not self._terminal, delay=SECONDS_TO_BAR)
        self._begin = self._last_line = time.perf_counter()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def advance(self, count: int = 1) -> None:
        """Add finished units, and print how long the rest will take if it is time to."""
        from everymode.machine.progress import duration

        self.done += count
        self._bar.update(count)
        now = time.perf_counter()
        if not self._terminal and now - self._last_line >= SECONDS_TO_LINE and 0 < self.done < self.total:
            self._last_line = now
            left = duration((self.total - self.done) * (now - self._begin) / self.done)
            print(
                f"{self.done:,} of {self.total:,} {self.unit}, {left} left",
                file=sys.stderr,
                flush=True,
            )


def with_progress(pieces: Iterable[Piece], total: int, size: Callable[[Piece], int]) -> Iterator[Piece]:
    """Yield the pieces, and show how many samples of `total` are done and how long the rest will take.

    Args:
        pieces: the pieces.
        total: number of samples.
        size: function that returns the number of samples of a piece.
    """
    with Meter(total) as meter:
        for piece in pieces:
            yield piece
            meter.advance(size(piece))
