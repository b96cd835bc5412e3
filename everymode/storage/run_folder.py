"""Folder of one run: configuration, status, logs, sample images and checkpoints. A run can be repeated from it."""

from __future__ import annotations

import difflib
import json
import math
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from everymode.storage.atomic import write_text_atomic
from everymode.storage.config_changes import CHANGE, with_changes
from everymode.storage.json_files import read_object
from everymode.storage.tensorboard_events import TensorBoardEvents, tensorboard_writer
from everymode.storage.wandb_events import WandbEvents, wandb_module
from everymode.storage.writing_process import this_process

_CONFIG: dict[str, Any] = {
    "everymode": str,
    "format": int,
    "step": (int, None),
    "recipe": {
        "file": (str, None),
        "own": str,
        "numbers": {"name": str, "seed": int},
        "parts": dict,
    },
    "data": {
        "source": str,
        "name": str,
        "fingerprint": str,
        "num_images": int,
        "image_shape": [int],
        "classes": [str],
        "skipped": int,
    },
    "license": (str, None),
    "scores": [dict],
    "sha256": dict,
    "folder_format": int,
    "init_from": (str, None),
    "imported": {"release": str, "source": str, "sha256": str},
    "changes": [CHANGE],
}
"""Types of the fields of config.json. A recipe's hyper-parameters and parts are checked when the recipe is built."""


_WHAT = "the config.json of a run or a generator"


class RunFolder:
    """Paths and small files of a run. Only the writing process may call methods that write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: list[TensorBoardEvents | WandbEvents] = [TensorBoardEvents(path / "tensorboard")]

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """Create the folder parent/NNNNN-name, with the number after the highest in `parent`.

        Raises:
            ValueError: if `parent` can't be created.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"run folders can't be created in {parent} ({error.strerror or error}): choose another --out"
            ) from error
        clean = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:80]
        while True:
            numbers = [number for path in parent.iterdir() if (number := _number(path)) is not None]
            path = parent / f"{max(numbers, default=-1) + 1:05d}-{clean}"
            try:
                path.mkdir()
            except FileExistsError:  # another process has taken the number in the meantime
                continue
            folder = cls(path)
            folder.samples.mkdir()
            folder.checkpoints.mkdir()
            return folder

    def track(self, tracker: str | None, *, quiet: bool = False) -> None:
        """Write the log to a tracker, too, from now on.

        Args:
            tracker: "tensorboard", "wandb" (beside TensorBoard if that is installed) or "none"; None means TensorBoard
                if it is installed.
            quiet: whether the tracker's package prints nothing.
        """
        if tracker == "none":
            self._events = []
        if tracker == "wandb":
            events = WandbEvents(self.path, quiet=quiet)
            events.start()
            self._events.append(events)

    def end_tracking(self) -> None:
        """Close the files of the trackers."""
        for events in self._events:
            events.restart()

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def history(self) -> Path:
        """Folder of the generators of earlier steps, from which nobody resumes."""
        return self.path / "history"

    @property
    def samples(self) -> Path:
        """Folder of sample images."""
        return self.path / "samples"

    def sample_picture(self, step: int) -> Path:
        """Return the path of the sample image of a step."""
        return self.samples / f"step-{step:07d}.png"

    @property
    def reals(self) -> Path:
        """Picture of training images."""
        return self.path / "reals.png"

    @property
    def log(self) -> Path:
        """Losses and other values of every tick."""
        return self.path / "log.jsonl"

    @property
    def metrics(self) -> Path:
        """Metrics of every snapshot."""
        return self.path / "metrics.jsonl"

    @property
    def labels(self) -> Path:
        """Records of refreshed labels, such as a new clustering."""
        return self.path / "labels.jsonl"

    def write_config(self, config: dict[str, Any]) -> None:
        """Write config.json."""
        write_text_atomic(self.path / "config.json", json.dumps(config, indent=1))

    def add_change(self, change: dict[str, Any]) -> None:
        """Append a change to the list "changes" of config.json; see `with_changes`."""
        path = self.path / "config.json"
        config = read_object(path, _WHAT, _CONFIG)
        config["changes"] = [*(config.get("changes") or ()), change]
        write_text_atomic(path, json.dumps(config, indent=1))

    def read_config(self) -> dict[str, Any]:
        """Return the content of config.json, with its changes applied.

        Raises:
            FileNotFoundError: if there is no such folder (the message names the most similar run beside it), or it is
                not a run folder.
            ValueError: if the file is damaged, or a field has another type.
        """
        path = self.path / "config.json"
        if not self.path.exists():
            raise FileNotFoundError(f"there is no {self.path}{_near_run(self.path)}")
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.path} is not a run folder: it has no config.json. Name a folder that `everymode train` has "
                "written, such as runs/00000-omni-gan-digits"
            )
        return read_config(path)

    def write_status(self, state: str, step: int, steps: int, **more: Any) -> None:
        """Write status.json.

        Args:
            state: preparing, running, stopped, done, diverged, collapsed or failed.
            step: completed generator steps.
            steps: generator steps of the run.
            more: further fields.
        """
        status = {"state": state, "step": step, "steps": steps, "time": time.time()}
        status |= {"process": this_process(), **more}
        write_text_atomic(self.path / "status.json", json.dumps(status, indent=1))

    def read_status(self) -> dict[str, Any]:
        """Return the content of status.json, or {} if there is none."""
        path = self.path / "status.json"
        return read_object(path, "the status.json of a run") if path.is_file() else {}

    def add_line(self, file: Path, record: dict[str, Any]) -> None:
        """Append a record to one of the .jsonl files; those of `log` and `metrics` go to the trackers, too."""
        with file.open("a") as out:
            out.write(json.dumps(record) + "\n")
        if file in (self.log, self.metrics):
            for events in self._events:
                events.write(record)

    def prune(self, keep: Iterable[int | None], limit: int, interval: int) -> None:
        """Delete all checkpoints but the last two and those of the steps in `keep`; keep generators in the history.

        Args:
            keep: steps of checkpoints that stay; None is ignored.
            limit: maximum number of steps of the history, evenly spread over the run; 0 leaves it unchanged.
            interval: steps between two snapshots.

        Raises:
            OSError: if the history can't be written; the checkpoints are deleted nonetheless.
        """
        from everymode.storage import checkpoint as files  # torch
        from everymode.storage.history import keep_history

        steps = [step for step in keep if step is not None]
        try:
            leaving = files.superfluous(self.checkpoints, keep=steps)
            keep_history(self.history, self.checkpoints, leaving, limit=limit, interval=interval)
        finally:
            files.prune(self.checkpoints, keep=steps)

    def cut_back(self, step: int) -> None:
        """Delete the log records and the generators of the history after `step`, from which the run continues."""
        from everymode.storage.history import forget_after  # torch

        self.end_tracking()
        forget_after(self.history, step)
        for file in (self.log, self.metrics):
            if file.is_file():
                _keep(file, [record for record in read_lines(file) if _step(record) <= step])
        if self.labels.is_file():  # labels are refreshed before their step, so the one at `step` is repeated
            _keep(self.labels, [record for record in read_lines(self.labels) if _step(record) < step])


def require_tracker(tracker: str | None) -> None:
    """Check the name of a tracker (see `RunFolder.track`), and that its package is installed.

    Raises:
        ValueError: if there is no such tracker.
        ImportError: if its package is not installed.
    """
    if tracker not in (None, "tensorboard", "wandb", "none"):
        raise ValueError(f'track is "tensorboard", "wandb", "none" or None (auto), not {tracker!r}')
    if tracker == "wandb":
        wandb_module()
    if tracker == "tensorboard" and tensorboard_writer() is None:
        raise ImportError(
            "--track tensorboard needs the package tensorboard: pip install 'everymode[track]', or in a clone "
            "pip install -e '.[track]'"
        )


def read_config(path: Path) -> dict[str, Any]:
    """Return the config.json of a run, a checkpoint or a saved generator, with its changes applied (`with_changes`).

    `recipe_of` checks for missing fields.

    Raises:
        ValueError: if the file is damaged, or a field has another type.
    """
    config = read_object(path, _WHAT, _CONFIG)
    try:
        return with_changes(config)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): copy it again from its source") from error


def _near_run(path: Path) -> str:
    """Return the end of an error message that proposes the nearest run."""
    near = nearest_run(path)
    if near is not None:
        return f"; did you mean {near}?"
    return ": name a folder that `everymode train` has written, such as runs/00000-omni-gan-digits"


def nearest_run(path: Path) -> Path | None:
    """Return the existing run folder that a path without one may mean, or None if no name is similar.

    Candidates are the runs beside the path and those in ./runs. A part of a run's name matches, such as its number; of
    several such runs the last is returned.
    """
    runs = {}
    for folder in (Path("runs"), path.parent):
        with suppress(OSError):
            runs |= {each.name: each for each in sorted(folder.iterdir()) if (each / "config.json").is_file()}
    inside = [name for name in runs if path.name and path.name in name]
    similar = inside[-1:] or difflib.get_close_matches(path.name, runs, n=1)
    return runs[similar[0]] if similar else None


def _keep(file: Path, records: list[dict[str, Any]]) -> None:
    write_text_atomic(file, "".join(json.dumps(record) + "\n" for record in records))


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the records of a .jsonl file, without lines that a kill or a full disk has truncated."""
    records = []
    if file.is_file():
        for line in file.read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError, RecursionError):
                records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict)]


def _step(record: dict[str, Any]) -> float:
    """Return the step of a record, or infinity if it has none."""
    step = record.get("step")
    return step if isinstance(step, int | float) else math.inf


def _number(path: Path) -> int | None:
    head = path.name.split("-", 1)[0]
    return int(head) if head.isdecimal() and path.is_dir() else None
