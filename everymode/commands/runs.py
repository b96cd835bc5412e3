"""`everymode runs`: list of the runs in a folder, from their small files alone."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from everymode.commands.best_scores import best_score
from everymode.commands.ending import say
from everymode.commands.own_recipes import quoted, resume_command
from everymode.machine.progress import duration
from everymode.storage.run_folder import RunFolder
from everymode.storage.writing_process import is_alive

BROKEN = "broken"
"""State of a run whose files can't be read."""
NOT_RUNNING = "not running"
"""State of a run whose process has ended without a word, such as by a kill."""
UNKNOWN = "unknown"
"""State of a run whose process was not recorded, or is one of another machine, which can't be asked from here."""


@dataclass(frozen=True)
class Listed:
    """A run in the list. Fields are None if they are not recorded."""

    name: str
    """Name of the run folder."""
    recipe: str | None = None
    """Name of the recipe."""
    data: str | None = None
    """Path or name of the training data."""
    step: int | None = None
    """Completed generator steps."""
    steps: int | None = None
    """Generator steps of the run."""
    state: str | None = None
    """One of preparing, running, stopped, done, diverged, collapsed, failed, not running, unknown and broken."""
    best: dict[str, Any] | None = None
    """Best score: `metric`, `value`, `step` and, if `everymode evaluate` measured it, `card`."""
    age_seconds: float | None = None
    """Time since the run last wrote its status."""
    error: str | None = None
    """Reason why the run is broken."""


def list_runs(
    folder: Annotated[
        Path, Parameter(name="FOLDER", help="Folder of run folders, or one run folder.")
    ] = Path("runs"),
    /,
    *,
    as_json: Annotated[
        bool,
        Parameter(name="--json", help="Print a JSON array, not a table.", negative="", show_default=False),
    ] = False,
) -> None:
    """List the runs in a folder, the newest last: recipe, data, step, state, best score, and time since the last sign.

    A run whose process was killed is "not running". The state of a run of another machine is "unknown".

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    default = folder == Path("runs")
    if not folder.is_dir() and not default:
        raise FileNotFoundError(
            f"{folder} is not a folder: name one that holds runs, such as the --out of a training"
        )
    runs = runs_in(folder)
    if as_json:
        say(json.dumps([asdict(run) for run in runs], indent=1))
    elif runs:
        say(_table(runs))
        interrupted = [run for run in runs if run.state in (NOT_RUNNING, "stopped") and run.step]
        if interrupted:
            say(_resume_command(folder, interrupted[-1]))
    else:
        out = "" if default else f" --out {quoted(folder)}"
        say(f"no runs in {folder}: train one with: everymode train omni-gan-digits{out}")


def runs_in(folder: Path) -> list[Listed]:
    """Return the runs in a folder, or the one that it is, the newest last. Runs that can't be read are broken."""
    if (folder / "config.json").exists():
        return [_listed(folder)]
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    runs = [_listed(path) for path in paths if _is_run(path)]
    return sorted(runs, key=lambda run: -math.inf if run.age_seconds is None else -run.age_seconds)


def _is_run(path: Path) -> bool:
    numbered = path.name.partition("-")[0].isdigit() and "-" in path.name
    return path.is_dir() and (numbered or (path / "status.json").exists())


def _listed(path: Path) -> Listed:
    folder = RunFolder(path)
    try:
        config, status = folder.read_config(), folder.read_status()
        recipe, data = config.get("recipe", {}), config.get("data", {})
        numbers = recipe.get("numbers", {})
        when = status.get("time")
        since = when if isinstance(when, int | float) else (path / "config.json").stat().st_mtime
        return Listed(
            name=path.resolve().name,
            recipe=numbers.get("name") or recipe.get("own"),
            data=data.get("source"),
            step=_whole(status.get("step")),
            steps=_whole(status.get("steps")),
            state=_state(status),
            best=best_score(folder),
            age_seconds=round(max(0.0, time.time() - since), 1),
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        return Listed(name=path.name, state=BROKEN, age_seconds=_age(path), error=reason)


def _state(status: dict[str, Any]) -> str:
    """Return the state of a run: the recorded one, unless it is of a process that runs no more or can't be asked."""
    state = str(status.get("state", UNKNOWN))
    if state not in ("preparing", "running"):
        return state
    return {True: state, False: NOT_RUNNING, None: UNKNOWN}[is_alive(status.get("process"))]


def _resume_command(folder: Path, run: Listed) -> str:
    """Return the line that says how to resume an interrupted run of the list."""
    path = folder if (folder / "config.json").exists() else folder / run.name
    return f"resume {run.name} with: {resume_command(path)}"


def _age(path: Path) -> float | None:
    try:
        return round(max(0.0, time.time() - path.stat().st_mtime), 1)
    except OSError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _table(runs: list[Listed]) -> str:
    rows = [("run", "recipe", "data", "step", "state", "best score", "age"), *map(_row, runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, run in zip(rows, [None, *runs], strict=True):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
        if run is not None and run.error:
            lines.append(f"  {run.error}")
    return "\n".join(lines)


def _row(run: Listed) -> tuple[str, ...]:
    step = "" if run.step is None else f"{run.step}/{'?' if run.steps is None else run.steps}"
    best = "" if run.best is None else f"{run.best['metric']} {run.best['value']:.4g}"
    age = "" if run.age_seconds is None else duration(run.age_seconds)
    state = f"{UNKNOWN}, last written {age} ago" if run.state == UNKNOWN and age else run.state or ""
    return run.name, run.recipe or "", run.data or "", step, state, best, age
