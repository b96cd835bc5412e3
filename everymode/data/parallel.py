"""Parallel work on many images by threads, with ordered results and a progress bar (one line if not on a terminal)."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

__all__ = ["in_order"]

Result = TypeVar("Result")


def in_order(
    work: Callable[[range], Result],
    count: int,
    *,
    chunk: int,
    workers: int | None,
    progress: bool,
    message: str,
) -> Iterator[Result]:
    """Yield the results of `work` on consecutive ranges that cover 0 .. count - 1, in order.

    Args:
        work: function of a range, called from threads (Pillow's decoders release the interpreter lock).
        count: number of images.
        chunk: number of images in a range.
        workers: number of threads (default: one per processor, at most 16).
        progress: whether to show a progress bar (on a terminal) or print `message` once (elsewhere).
        message: description of the work.

    Raises:
        ValueError: if `workers` is below 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}; give at least 1, or None (auto)")
    threads = workers or min(16, os.cpu_count() or 1)
    terminal = sys.stderr.isatty()
    if progress and not terminal and count:
        print(f"{message} ({count:,} images)", file=sys.stderr, flush=True)
    bar = tqdm(total=count, desc=message, unit=" images", disable=not (progress and terminal))
    starts = iter(range(0, count, chunk))
    pending: deque[tuple[int, Future[Result]]] = deque()
    with bar, ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            # few ranges are in progress at once, so memory does not grow with the dataset
            while True:
                while len(pending) < 2 * threads and (start := next(starts, None)) is not None:
                    images = range(start, min(start + chunk, count))
                    pending.append((len(images), pool.submit(work, images)))
                if not pending:
                    return
                size, result = pending.popleft()
                yield result.result()
                bar.update(size)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
