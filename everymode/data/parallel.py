"""Work on many images by several threads, in order, with a bar on a terminal and one line elsewhere."""

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
    """Results of `work` on consecutive ranges that cover 0 .. count - 1, in order.

    Args:
        work: called from threads, which suits Pillow: its decoders let other threads run.
        count: number of images.
        chunk: images in a range.
        workers: threads; by default one for each processor, at most 16.
        progress: whether to show a bar (on a terminal) or to print `message` once.
        message: what is being done.

    Raises:
        ValueError: fewer than one worker.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}; give at least 1, or leave it out")
    threads = workers or min(16, os.cpu_count() or 1)
    terminal = sys.stderr.isatty()
    if progress and not terminal and count:
        print(f"{message} ({count:,} images)", file=sys.stderr, flush=True)
    bar = tqdm(total=count, desc=message, unit=" images", disable=not (progress and terminal))
    starts = iter(range(0, count, chunk))
    waiting: deque[tuple[int, Future[Result]]] = deque()
    with bar, ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            # only a few ranges are under way at once, so memory does not grow with the dataset
            while True:
                while len(waiting) < 2 * threads and (start := next(starts, None)) is not None:
                    images = range(start, min(start + chunk, count))
                    waiting.append((len(images), pool.submit(work, images)))
                if not waiting:
                    return
                size, result = waiting.popleft()
                yield result.result()
                bar.update(size)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
