"""Running a stage: progress with the remaining time, saved states to resume from, and stopping between steps."""

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
from everymode.storage.json_files import flat

__all__ = ["PartitionStopped", "Runner", "Saved"]

SECONDS_PER_LINE = 10.0
"""Least time between two progress lines."""


class PartitionStopped(RuntimeError):
    """Learning was stopped on request after its state was saved; the same call resumes from it."""


@dataclass(frozen=True)
class Saved:
    """A saved state: its stage, the number of completed steps, the tensors, and further JSON values."""

    stage: str
    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Runner:
    """Runs stages and saves their states to a folder."""

    folder: Path
    identity: Mapping[str, Any]
    """JSON values that identify the partition; a state of another one is rejected."""
    snapshot_seconds: float
    """Time between two saved states."""
    verbose: bool
    """Whether to print progress."""
    stop: Callable[[], bool]
    """Called after every step; the stage stops once it returns True."""

    def saved(self) -> Saved | None:
        """Return the state saved in the folder, or None if there is none.

        Raises:
            ValueError: if the state belongs to another partition.
        """
        state = read_state(self.folder)
        if state is None:
            return None
        tensors, facts = state
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
        """Run all steps of a stage, or those that follow a saved state.

        Args:
            saved: the state to resume from; None starts at step 0.
            tensors, facts: stored with every state of the stage.
        Raises:
            PartitionStopped: if `stop` returned True.
        """
        first = 0
        if saved is not None:
            stage.restore(saved.tensors)
            first = saved.step
        stage.network.train()
        progress = Progress(stage.steps, verbose=self.verbose)
        progress.start(first)
        progress.say(f"{stage.name}: {stage.steps} steps" + (f", from step {first}" if first else ""))
        saved_at = printed_at = time.monotonic()

        def save(step: int) -> None:
            contents = {**stage.state(), **(tensors or {})}
            metadata = {"stage": stage.name, "step": step, "identity": self.identity, "beside": facts or {}}
            write_state(self.folder, contents, metadata)

        try:
            for step in range(first + 1, stage.steps + 1):
                loss = stage.step(step - 1)
                progress.step()
                now = time.monotonic()
                if now - printed_at >= SECONDS_PER_LINE:
                    progress.tick(step, {f"{stage.name}/loss": float(loss)})
                    printed_at = now
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


def require_same(stored: Mapping[str, Any], requested: Mapping[str, Any], folder: Path) -> None:
    """Check that a folder's partition is the requested one.

    Raises:
        ValueError: if it is not; the message names up to three differences.
    """
    here, there = (flat({**each, **each.get("settings", {}), "settings": {}}) for each in (requested, stored))
    extra = {name: None for name in there if name.startswith("layout.")}  # a layout has fields of its kind
    names = [name for name in extra | here if there.get(name) != here.get(name)]
    if names:
        differences = ", ".join(
            f"{name} {there.get(name, 'none')} there and {here.get(name, 'none')} here" for name in names[:3]
        )
        raise ValueError(
            f"{folder} holds another partition ({differences}): choose another folder, or delete that one"
        )
