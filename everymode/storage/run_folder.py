"""The folder of one run: its configuration, status, logs, pictures and checkpoints. A run can be repeated from it."""

from __future__ import annotations

import json
import math
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from everymode.storage.atomic import write_text_atomic
from everymode.storage.json_files import read_object
from everymode.storage.tensorboard_events import TensorBoardEvents

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
        "fingerprint": str,
        "num_images": int,
        "image_shape": [int],
        "classes": [str],
        "skipped": int,
    },
}
"""What others read of a config.json, and its types; a recipe's numbers and parts are checked where they are built."""


class RunFolder:
    """Paths and small files of a run. Only the writing process may call the methods that write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events = TensorBoardEvents(path / "tensorboard")

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """A new folder parent/NNNNN-name, numbered after the highest there is."""
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"run folders can't be made in {parent} ({error.strerror or error}): choose another --out"
            ) from error
        clean = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:80]
        while True:
            numbers = [number for path in parent.iterdir() if (number := _number(path)) is not None]
            path = parent / f"{max(numbers, default=-1) + 1:05d}-{clean}"
            try:
                path.mkdir()
            except FileExistsError:  # another process took the number between our look and our step
                continue
            folder = cls(path)
            folder.samples.mkdir()
            folder.checkpoints.mkdir()
            return folder

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def sample_picture(self, step: int) -> Path:
        """Where the samples of a step are drawn."""
        return self.samples / f"step-{step:07d}.png"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def labels(self) -> Path:
        return self.path / "labels.jsonl"

    def write_config(self, config: dict[str, Any]) -> None:
        write_text_atomic(self.path / "config.json", json.dumps(config, indent=1))

    def read_config(self) -> dict[str, Any]:
        """The run's config.json.

        Raises, as a sentence, FileNotFoundError if this is no run folder, ValueError if the file is damaged or a field
        is of another type.
        """
        path = self.path / "config.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.path} is not a run folder: it has no config.json. Give a folder that `everymode train` made, "
                "such as runs/00000-omni-gan-digits"
            )
        return read_config(path)

    def write_status(self, state: str, step: int, steps: int, **more: Any) -> None:
        """status.json: preparing, running, stopped, done, diverged or collapsed, and where."""
        status = {"state": state, "step": step, "steps": steps, "time": time.time(), **more}
        write_text_atomic(self.path / "status.json", json.dumps(status, indent=1))

    def read_status(self) -> dict[str, Any]:
        path = self.path / "status.json"
        return read_object(path, "the status.json of a run") if path.is_file() else {}

    def add_line(self, file: Path, record: dict[str, Any]) -> None:
        """Append to one of the .jsonl files; numbers of the log and the scores go to TensorBoard too, where it is."""
        with file.open("a") as out:
            out.write(json.dumps(record) + "\n")
        if file in (self.log, self.metrics):
            self._events.write(record)

    def cut_back(self, step: int) -> None:
        """Drop the lines of the logs that lie behind `step`: the run goes on from there."""
        self._events.restart()
        for file in (self.log, self.metrics):
            if file.is_file():
                _keep(file, [record for record in read_lines(file) if _step(record) <= step])
        if self.labels.is_file():  # a refresh comes before its step, so the one at `step` is made again
            _keep(self.labels, [record for record in read_lines(self.labels) if _step(record) < step])


def read_config(path: Path) -> dict[str, Any]:
    """A config.json of a run, a checkpoint or a saved generator; of which fields it has, `recipe_of` asks.

    Raises ValueError for a damaged file, and for a field of another type.
    """
    return read_object(path, "the config.json of a run or a generator", _CONFIG)


def _keep(file: Path, records: list[dict[str, Any]]) -> None:
    write_text_atomic(file, "".join(json.dumps(record) + "\n" for record in records))


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The records of a .jsonl file. A line that was cut short, as by a kill or a full disk, is left out."""
    records = []
    if file.is_file():
        for line in file.read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError, RecursionError):
                records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict)]


def _step(record: dict[str, Any]) -> float:
    """The step of a log's line; of a damaged one, a step that is never reached."""
    step = record.get("step")
    return step if isinstance(step, int | float) else math.inf


def _number(path: Path) -> int | None:
    head = path.name.split("-", 1)[0]
    return int(head) if head.isdigit() and path.is_dir() else None
