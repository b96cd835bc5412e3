"""The worker with a stand-in for the generators."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from everymode.explorer import worker as module
from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.explorer.labels import Label
from everymode.explorer.replies import Busy, Missing
from everymode.explorer.tiles import Tile
from everymode.explorer.worker import AT_ONCE, Job, Worker

FIRST, SECOND = (Checkpoint(name, "run", Path(), step) for name, step in (("a", 1), ("b", 2)))


class Drawer:
    """A stand-in that records its passes, and waits in the first one until it is let go."""

    def __init__(self) -> None:
        self.passes: list[tuple[str, list[int]]] = []
        self.busy, self.go = threading.Event(), threading.Event()

    def __call__(self, checkpoint: Checkpoint, size: Any, tiles: Sequence[Tile]) -> list[np.ndarray]:
        self.passes.append((checkpoint.name, [tile.seed for tile in tiles]))
        if any(tile.seed == 999 for tile in tiles):
            raise ValueError("no such thing")
        self.busy.set()
        assert self.go.wait(10)
        return [np.full((2, 2, 1), tile.seed % 256, np.uint8) for tile in tiles]


def tiles(*seeds: int) -> list[Tile]:
    return [Tile(Label((0,)), seed) for seed in seeds]


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def worker(drawer: Drawer) -> Any:
    made = Worker(cast(Catalog, None), draw=drawer)
    yield made
    drawer.go.set()
    made.close()


def hold(worker: Worker, drawer: Drawer) -> Job:
    """Keep the worker busy with a first request."""
    job = worker.submit(FIRST, None, tiles(100))
    assert drawer.busy.wait(10)
    return job


def test_equal_requests_are_gathered_into_one_pass(worker: Worker, drawer: Drawer) -> None:
    hold(worker, drawer)
    jobs = [worker.submit(FIRST, None, tiles(seed, seed + 1)) for seed in range(4)]
    drawer.go.set()
    for seed, job in enumerate(jobs):
        assert [int(each[0, 0, 0]) for each in job.future.result(10)] == [seed, seed + 1]
    assert drawer.passes[1:] == [("a", [0, 1, 2, 3, 4])]  # tiles that several need are drawn once
    assert worker.drawn == 6


def test_a_pass_has_at_most_32_tiles_of_one_checkpoint_and_size(worker: Worker, drawer: Drawer) -> None:
    hold(worker, drawer)
    long = worker.submit(FIRST, None, tiles(*range(50)))
    other = worker.submit(SECOND, None, tiles(1))
    sized = worker.submit(FIRST, (64, 64), tiles(1))
    drawer.go.set()
    for job in (long, other, sized):
        job.future.result(10)
    counts = [len(seeds) for _, seeds in drawer.passes]
    assert sorted(counts) == [1, 1, 1, 18, AT_ONCE]


def test_large_images_have_smaller_passes(worker: Worker, drawer: Drawer) -> None:
    drawer.go.set()
    worker.submit(FIRST, (1024, 1024), tiles(*range(5))).future.result(10)
    assert [len(seeds) for _, seeds in drawer.passes] == [2, 2, 1]


def test_the_newest_view_comes_first(worker: Worker, drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VIEW", 0.0)
    hold(worker, drawer)
    old = worker.submit(FIRST, None, tiles(1))
    new = worker.submit(SECOND, None, tiles(2))
    assert old.arrived <= new.arrived
    drawer.go.set()
    old.future.result(10), new.future.result(10)
    assert [name for name, _ in drawer.passes] == ["a", "b", "a"]


def test_rows_of_one_view_come_in_order(
    worker: Worker, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VIEW", 60.0)
    hold(worker, drawer)
    rows = [worker.submit(FIRST, None, tiles(*range(10 * row, 10 * row + 10))) for row in range(1, 7)]
    drawer.go.set()
    for job in rows:
        job.future.result(10)
    assert drawer.passes[1][1][:10] == list(range(10, 20))


def test_requests_whose_client_left_are_dropped(worker: Worker, drawer: Drawer) -> None:
    hold(worker, drawer)
    gone = worker.submit(FIRST, None, tiles(1))
    shared = worker.submit(FIRST, None, tiles(2))
    assert worker.submit(FIRST, None, tiles(2)) is shared
    worker.leave(gone)
    worker.leave(shared)  # one of two
    drawer.go.set()
    assert len(shared.future.result(10)) == 1
    with pytest.raises(CancelledError):
        gone.future.result(10)
    assert drawer.passes[1:] == [("a", [2])]


def test_a_full_queue_is_busy(worker: Worker, drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_JOBS", 3)
    hold(worker, drawer)
    for seed in range(2):
        worker.submit(FIRST, None, tiles(seed))
    with pytest.raises(Busy, match="3 requests"):
        worker.submit(FIRST, None, tiles(7))


def test_a_failed_pass_fails_its_requests_alone(worker: Worker, drawer: Drawer) -> None:
    drawer.go.set()
    with pytest.raises(Missing, match="no such thing"):
        worker.images(FIRST, tiles(999))
    assert worker.images(FIRST, tiles(3))[0].tolist() == [[[3], [3]], [[3], [3]]]


def test_a_failure_of_one_request_leaves_the_others_of_its_pass(worker: Worker, drawer: Drawer) -> None:
    held = hold(worker, drawer)
    good = [worker.submit(FIRST, None, tiles(seed)) for seed in (4, 5)]
    bad = worker.submit(FIRST, None, tiles(999))
    drawer.go.set()
    held.future.result(10)
    assert [job.future.result(10)[0][0, 0, 0] for job in good] == [4, 5]
    with pytest.raises(Missing, match="no such thing"):
        bad.future.result(10)


def test_images_give_up_in_time(worker: Worker, drawer: Drawer) -> None:
    with pytest.raises(Busy, match="in time"):
        worker.images(FIRST, tiles(1), seconds=0.05)


def test_a_closed_worker_takes_nothing(worker: Worker, drawer: Drawer) -> None:
    job = hold(worker, drawer)
    worker.close()
    drawer.go.set()
    with pytest.raises(CancelledError):
        job.future.result(10)
    with pytest.raises(Busy):
        worker.submit(FIRST, None, tiles(1))


def test_in_a_crowd_requests_that_waited_too_long_are_busy(
    worker: Worker, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    hold(worker, drawer)
    alone = worker.submit(FIRST, None, tiles(1))
    drawer.go.set()
    alone.future.result(10)  # nobody else: it may take as long as it takes
    monkeypatch.setattr(module, "CROWDED", 1)
    drawer.go.clear()
    drawer.busy.clear()
    hold(worker, drawer)
    late = worker.submit(FIRST, None, tiles(3))
    drawer.go.set()
    with pytest.raises(Busy, match="too many"):
        late.future.result(10)
