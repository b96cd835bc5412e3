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


def with_progress(pieces: Iterable[Piece], total: int, size: Callable[[Piece], int]) -> Iterator[Piece]:
    """Yield the pieces, and show how many samples of `total` are done and how long the rest will take.

    Args:
        pieces: the pieces.
        total: number of samples.
        size: function that returns the number of samples of a piece.
    """
    from tqdm import tqdm

    from everymode.machine.progress import duration

    terminal = sys.stderr.isatty()
    begin = last_line = time.perf_counter()
    done = 0
    with tqdm(total=total, unit=" samples", disable=not terminal, delay=SECONDS_TO_BAR) as bar:
        for piece in pieces:
            yield piece
            done += size(piece)
            bar.update(size(piece))
            now = time.perf_counter()
            if not terminal and now - last_line >= SECONDS_TO_LINE and done < total:
                last_line = now
                left = duration((total - done) * (now - begin) / done)
                print(f"{done:,} of {total:,} samples, {left} left", file=sys.stderr, flush=True)
