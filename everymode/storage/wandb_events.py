"""Log of a run for Weights & Biases (`pip install everymode[wandb]`), offline unless WANDB_MODE says otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PROJECT = "everymode"


def wandb_module() -> ModuleType:
    """Return the package wandb.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        wandb = import_module("wandb")
    except ImportError:
        wandb = None
    if wandb is None or not hasattr(wandb, "init"):  # a mere folder of that name can be imported, too
        raise ImportError(
            "--track wandb needs the package wandb: pip install 'everymode[wandb]', or in a clone "
            "pip install -e '.[wandb]'"
        )
    return wandb


class WandbEvents:
    """Writer of a run's log to Weights & Biases, in the folder `wandb` of the run folder `folder`.

    A resumed run, or one that was rolled back, is a further run of the same group there. The group is named after the
    run folder. `wandb sync` uploads offline runs. With `quiet`, the package prints nothing.
    """

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self.folder = folder
        self.quiet = quiet
        self._run: Any = None

    def start(self) -> None:
        """Start the run there if it has not begun.

        Raises:
            ImportError: if wandb is not installed.
        """
        if self._run is not None:
            return
        recipe: Any = {}
        with suppress(OSError, ValueError, LookupError, TypeError):
            recipe = json.loads((self.folder / "config.json").read_text("utf-8"))["recipe"]
        name = self.folder.resolve().name
        silence: dict[str, Any] = {"settings": {"silent": True}} if self.quiet else {}
        self._run = wandb_module().init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=name,
            group=name,
            dir=str(self.folder),
            mode=os.environ.get("WANDB_MODE") or "offline",
            config=recipe,
            **silence,
        )
        self._run.define_metric("*", step_metric="step")

    def write(self, record: Mapping[str, Any]) -> None:
        """Write every number of a record as a value of the same name, at the record's `step`."""
        self.start()
        numbers = {
            name: value
            for name, value in record.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self._run.log(numbers)

    def restart(self) -> None:
        """Finish the run there: the run ended, or went back, and the next record begins another one."""
        if self._run is not None:
            self._run.finish()
            self._run = None
