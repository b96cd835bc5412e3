"""Running a stage: progress with the time that is left, states to go on from, and stopping at a step's edge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from everymode.machine.progress import Progress
from everymode.partitioner.saving import read_state, write_state
from everymode.partitioner.stage import Stage

__all__ = ["PartitionStopped", "Runner", "Saved"]

SECONDS_PER_LINE = 10.0


class PartitionStopped(RuntimeError):
    """Learning was asked to stop; its state was saved first, and the same call goes on from it."""


@dataclass(frozen=True)
class Saved:
    """A state: the stage it was saved in, the steps made of it, and tensors and facts beside."""

    stage: str
    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Runner:
    """Where states are kept, of which partition, and who is told."""

    folder: Path
    identity: Mapping[str, Any]
    snapshot_seconds: float
    verbose: bool
    stop: Callable[[], bool]

    def saved(self) -> Saved | None:
        """The state in the folder, if there is one. Raises ValueError for another partition's."""
        found = read_state(self.folder)
        if found is None:
            return None
        tensors, facts = found
        require_same(facts["identity"], self.identity, self.folder)
        return Saved(facts["stage"], facts["step"], tensors, facts["beside"])

    def run(
        self,
        stage: Stage,
        saved: Saved | None = None,
        *,
        tensors: Mapping[str, Tensor] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Make all steps of a stage, or those behind a saved state; `tensors` and `facts` are saved beside it.

        Raises PartitionStopped where that was asked for.
        """
        first = 0
        if saved is not None:
            stage.restore(saved.tensors)
            first = saved.step
        stage.network.train()
        progress = Progress(stage.steps, verbose=self.verbose)
        progress.start(first)
        progress.say(f"{stage.name}: {stage.steps} steps" + (f", from step {first}" if first else ""))
        saved_at = told_at = time.monotonic()

        def save(step: int) -> None:
            held = {**stage.state(), **(tensors or {})}
            about = {"stage": stage.name, "step": step, "identity": self.identity, "beside": facts or {}}
            write_state(self.folder, held, about)

        try:
            for step in range(first + 1, stage.steps + 1):
                loss = stage.step(step - 1)
                progress.step()
                now = time.monotonic()
                if now - told_at >= SECONDS_PER_LINE:
                    progress.tick(step, {f"{stage.name}/loss": float(loss)})
                    told_at = now
                stopping = self.stop()
                if stopping or step == stage.steps or now - saved_at >= self.snapshot_seconds:
                    save(step)
                    saved_at = time.monotonic()
                if stopping:
                    raise PartitionStopped(
                        f"stopped at step {step} of {stage.steps} of the {stage.name} stage"
                    )
        finally:
            progress.close()


def require_same(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raise ValueError, naming what differs, unless a folder's partition is the one that is asked for."""
    mine = {**wanted, **wanted["settings"]}
    theirs = {**found, **found.get("settings", {})}
    names = [name for name in mine if name != "settings" and theirs.get(name) != mine[name]]
    if names:
        told = ", ".join(f"{name} {theirs.get(name)} there and {mine[name]} here" for name in names[:3])
        raise ValueError(
            f"{folder} holds another partition ({told}): choose another folder, or delete that one"
        )
