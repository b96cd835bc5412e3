"""Ranges of images in several threads: ordered, complete, errors passed on, few at a time."""

from __future__ import annotations

import threading
import time

import pytest

from everymode.data.parallel import in_order


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_results_come_in_order(workers: int, count: int) -> None:
    def work(images: range) -> list[int]:
        time.sleep(0.002 * (images.start % 3))
        return list(images)

    parts = in_order(work, count, chunk=3, workers=workers, progress=False, message="")
    assert [i for part in parts for i in part] == list(range(count))


def test_errors_stop_the_work() -> None:
    done: list[int] = []

    def work(images: range) -> None:
        if images.start == 2:
            raise KeyError("two")
        done.append(images.start)

    with pytest.raises(KeyError, match="two"):
        list(in_order(work, 1000, chunk=1, workers=1, progress=False, message=""))
    assert len(done) < 10


def test_only_a_few_ranges_are_under_way() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(images: range) -> int:
        with lock:
            started.append(images.start)
        return images.start

    for taken, _ in enumerate(in_order(work, 100, chunk=1, workers=2, progress=False, message="")):
        with lock:
            assert len(started) <= taken + 1 + 2 * 2
