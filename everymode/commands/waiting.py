"""How far a long command is: a bar on a terminal, a line now and then elsewhere. Both on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")

SECONDS_TO_BAR = 1.0
"""What takes less shows no bar."""
SECONDS_TO_LINE = 30.0
"""Between two lines where there is no terminal."""


def with_progress(pieces: Iterable[Piece], total: int, size: Callable[[Piece], int]) -> Iterator[Piece]:
    """The pieces as they come, while saying how many samples of `total` are done, and how long the rest will take."""
    from tqdm import tqdm

    from everymode.machine.progress import duration

    terminal = sys.stderr.isatty()
    begin = spoke = time.perf_counter()
    done = 0
    with tqdm(total=total, unit=" samples", disable=not terminal, delay=SECONDS_TO_BAR) as bar:
        for piece in pieces:
            yield piece
            done += size(piece)
            bar.update(size(piece))
            now = time.perf_counter()
            if not terminal and now - spoke >= SECONDS_TO_LINE and done < total:
                spoke = now
                left = duration((total - done) * (now - begin) / done)
                print(f"{done:,} of {total:,} samples, {left} left", file=sys.stderr, flush=True)
