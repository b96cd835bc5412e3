"""Thread that owns the generators: it gathers equal requests, newest first, and drops those nobody waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path

import numpy as np

from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.explorer.drawing import Models
from everymode.explorer.replies import Busy, Missing
from everymode.explorer.tiles import Tile

__all__ = ["Job", "Worker"]

GATHERING = 0.004
"""Seconds for which the first request waits for others."""
AT_ONCE = 32
"""Most tiles of one pass."""
PIXELS_AT_ONCE = 2**21
"""Most pixels of one pass; at least one tile is drawn."""
MOST_JOBS = 256
"""Longest queue of requests."""
CROWDED = 64
"""Longest queue in which requests wait as long as it takes; one view has at most as many."""
CROWD, PATIENCE = 5.0, 1.5
"""Seconds for which a longer queue counts as crowded, and seconds that a request then waits."""
VIEW = 0.03
"""Seconds between the first and last request of one view; they are drawn in order."""

Size = tuple[int, int]
Key = tuple[str, Size | None, tuple[Tile, ...]]


class Job:
    """A request for tiles of one checkpoint and size, with its result.

    Attributes:
        future: the tiles as arrays uint8 [H, W, channels], in order.
    """

    def __init__(self, key: Key, checkpoint: Checkpoint) -> None:
        self.key, self.checkpoint = key, checkpoint
        self.size, self.tiles = key[1], key[2]
        self.future: Future[list[np.ndarray]] = Future()
        self.arrived = time.monotonic()
        self.waiting = 1
        self.done: dict[Tile, np.ndarray] = {}

    @property
    def pending(self) -> list[Tile]:
        """Tiles that are not drawn yet."""
        return [tile for tile in dict.fromkeys(self.tiles) if tile not in self.done]


class Worker:
    """A queue of jobs and the thread that draws them.

    Args:
        catalog: finds recipes of checkpoints.
        data: the data of the command line, for generators of label maps or pictures.
        draw: draws tiles of a checkpoint; by default `Models.draw`.
    """

    def __init__(
        self,
        catalog: Catalog,
        data: str | Path | None = None,
        draw: Callable[[Checkpoint, Size | None, Sequence[Tile]], list[np.ndarray]] | None = None,
    ) -> None:
        self._draw = draw or Models(catalog, data).draw
        self._ready = threading.Condition()
        self._jobs: dict[Key, Job] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._crowded = -CROWD
        self.drawn = 0
        """Tiles that were drawn since the start."""
        self.passes = 0
        """Passes through a generator since the start."""

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._jobs)

    def submit(self, checkpoint: Checkpoint, size: Size | None, tiles: Sequence[Tile]) -> Job:
        """Queue a request, or join an equal one that is queued already.

        Raises:
            Busy: if the queue is full or the worker is closed.
        """
        key: Key = (checkpoint.name, size, tuple(tiles))
        with self._ready:
            if self._closed:
                raise Busy("the explorer is closing")
            job = self._jobs.get(key)
            if job is not None:
                job.waiting += 1
                job.arrived = time.monotonic()
                return job
            if len(self._jobs) >= MOST_JOBS:
                raise Busy(f"{MOST_JOBS} requests are waiting for images")
            if len(self._jobs) >= CROWDED:
                self._crowded = time.monotonic()
            job = self._jobs[key] = Job(key, checkpoint)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="everymode-explorer", daemon=True)
                self._thread.start()
            self._ready.notify()
        return job

    def leave(self, job: Job) -> None:
        """Stop waiting for a job; one that nobody waits for is dropped."""
        with self._ready:
            job.waiting -= 1
            if job.waiting <= 0 and self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                job.future.cancel()

    def images(
        self, checkpoint: Checkpoint, tiles: Sequence[Tile], size: Size | None = None, seconds: float = 60.0
    ) -> list[np.ndarray]:
        """Return tiles as arrays uint8 [H, W, channels]; for use in threads other than the event loop's.

        Raises:
            Busy: if the queue is full, or the tiles are not drawn within `seconds`.
            Missing: if the checkpoint can't be loaded.
        """
        job = self.submit(checkpoint, size, tiles)
        try:
            return job.future.result(seconds)
        except (TimeoutError, CancelledError):
            self.leave(job)
            raise Busy("the images were not drawn in time") from None

    def close(self) -> None:
        """Stop the thread after its current pass, and drop all jobs."""
        with self._ready:
            self._closed = True
            jobs, self._jobs = list(self._jobs.values()), {}
            self._ready.notify_all()
        for job in jobs:
            job.future.cancel()

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._jobs and not self._closed:
                    self._ready.wait()
                if self._closed:
                    return
                gathered = sum(len(job.tiles) for job in self._jobs.values()) >= AT_ONCE
            if not gathered:
                time.sleep(GATHERING)
            with self._ready:
                late = self._late()
                jobs, tiles = self._next()
            self._fail(late, Busy("too many requests are waiting for images"))
            if jobs:
                self._pass(jobs, tiles)

    def _late(self) -> list[Job]:
        """Remove and return requests that have waited too long in a crowded queue: the newest come first, so they would
        wait for as long as the crowd lasts."""
        now = time.monotonic()
        if now - self._crowded > CROWD:
            return []
        late = [job for job in self._jobs.values() if now - job.arrived > PATIENCE]
        for job in late:
            self._forget(job)
        return late

    def _next(self) -> tuple[list[Job], list[Tile]]:
        """Return the jobs of the next pass and its tiles: those of the newest view first, in its order."""
        if not self._jobs:
            return [], []
        newest = max(self._jobs.values(), key=lambda job: job.arrived)
        alike = [job for job in self._jobs.values() if (job.key[0], job.size) == (newest.key[0], newest.size)]
        view = [job for job in alike if newest.arrived - job.arrived <= VIEW]
        others = sorted((job for job in alike if job not in view), key=lambda job: -job.arrived)
        size = newest.size or (1, 1)
        most = max(1, min(AT_ONCE, PIXELS_AT_ONCE // (size[0] * size[1])))
        tiles: dict[Tile, None] = {}
        jobs = []
        for job in [*view, *others]:
            pending = job.pending
            jobs.append(job)
            tiles.update(dict.fromkeys(pending[: most - len(tiles)]))
            if len(tiles) >= most:
                break
        return jobs, list(tiles)

    def _pass(self, jobs: list[Job], tiles: list[Tile]) -> None:
        first = jobs[0]
        try:
            arrays = dict(zip(tiles, self._draw(first.checkpoint, first.size, tiles), strict=True))
        except Exception as error:  # the worker must survive whatever a generator does
            if len(jobs) > 1:  # one of them has failed: the others get their images
                for job in jobs:
                    if own := [tile for tile in job.pending if tile in tiles]:
                        self._pass([job], own)
                return
            reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
            known = isinstance(error, (Missing, Busy))
            self._fail(jobs, error if known else Missing(f"these images can't be drawn: {reason}"))
            return
        self.drawn += len(tiles)
        self.passes += 1
        complete = []
        with self._ready:
            for job in jobs:
                job.done.update((tile, arrays[tile]) for tile in job.tiles if tile in arrays)
                if not job.pending:
                    self._forget(job)
                    complete.append(job)
        for job in complete:
            if job.future.set_running_or_notify_cancel():
                job.future.set_result([job.done[tile] for tile in job.tiles])

    def _fail(self, jobs: list[Job], error: Exception) -> None:
        with self._ready:
            for job in jobs:
                self._forget(job)
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(error)

    def _forget(self, job: Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
