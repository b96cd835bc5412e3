"""State that all pages share: the runs, the facts about their generators, the data, and the worker that draws."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from everymode.explorer.catalog import Catalog, Checkpoint
from everymode.explorer.facts import Facts, facts_of
from everymode.explorer.labels import requested_labels
from everymode.explorer.nearest import Searches
from everymode.explorer.parameters import Parameters
from everymode.explorer.real_images import Reals
from everymode.explorer.replies import Busy, Missing
from everymode.explorer.tiles import Tile
from everymode.explorer.worker import Worker
from everymode.recipe import Recipe

__all__ = ["Site", "site_of"]


@dataclass
class Site:
    """State of one explorer.

    Attributes:
        catalog: its runs and checkpoints.
        worker: the thread that owns the generators and draws images.
        data: the data of the command line; None if it names none.
        reals: training data of the runs.
        searches: features of the training images, to search for the nearest ones.
    """

    catalog: Catalog
    worker: Worker
    data: str | Path | None = None
    reals: Reals = field(init=False)
    searches: Searches = field(init=False)
    _facts: dict[str, Facts | str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.reals = Reals(self.data)
        self.searches = Searches(self.reals, self.catalog)

    def warm_up(self) -> None:
        """Load the generator that the first pages show, and what loading needs."""
        with suppress(Missing, Busy):
            checkpoint = self.checkpoint(Parameters())
            facts = self.facts(checkpoint)
            if not facts.needs_data:
                self.worker.images(checkpoint, [Tile(requested_labels(Parameters(), facts)[0], 0)])

    def facts(self, checkpoint: Checkpoint) -> Facts:
        """Return the facts about a checkpoint's generator.

        Raises:
            Missing: if its generator can't be built; the message has the reason.
        """
        with self._lock:
            found = self._facts.get(checkpoint.name)
            if found is None:
                try:
                    found = facts_of(self.catalog, checkpoint)
                except (ValueError, OSError) as error:
                    found = " ".join(str(error).split())
                self._facts[checkpoint.name] = found
        if isinstance(found, str):
            raise Missing(f"{checkpoint.run}, {checkpoint.title}, can't be shown: {found}")
        return found

    def shows_any_size(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint can be shown and draws images of any size."""
        try:
            return self.facts(checkpoint).any_size
        except Missing:
            return False

    def checkpoint(self, parameters: Parameters, name: str = "checkpoint") -> Checkpoint:
        """Return the checkpoint that an address names; the default is the newest one of the first run that has any.

        Raises:
            Missing: if there is no such checkpoint, or none at all.
        """
        if parameters.has(name):
            return self.catalog.checkpoint(parameters.text(name))
        for run in self.catalog.runs:
            if run.newest is not None and not run.reason:
                return run.newest
        raise Missing("None of the runs has a checkpoint that can be shown: the page Runs has the reasons.")


def site_of(runs: Sequence[str | Path], data: str | Path | None, recipes: Sequence[Recipe]) -> Site:
    """Return the state of an explorer of these runs; its worker is running."""
    catalog = Catalog([Path(run).expanduser() for run in runs], recipes)
    return Site(catalog, Worker(catalog, data), data)
