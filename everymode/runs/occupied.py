"""Check that no other process trains in the run folder to resume."""

from __future__ import annotations

import os

from everymode.machine.distributed import World
from everymode.storage.run_folder import RunFolder
from everymode.storage.writing_process import is_alive

__all__ = ["require_free"]


def require_free(folder: RunFolder, world: World) -> None:
    """Raise ValueError, on every rank, if another process of this machine trains in the folder.

    Two processes would overwrite each other's checkpoints and logs. Whether a process of another machine still runs is
    not known.
    """
    occupant = world.share(_occupant(folder) if world.is_writer else None)
    if occupant is not None:
        raise ValueError(
            f"{folder.path} is being trained by process {occupant}: wait until it ends, or stop it by "
            f"`kill {occupant}`, which lets it save a checkpoint"
        )


def _occupant(folder: RunFolder) -> int | None:
    status = folder.read_status()
    process = status.get("process")
    if status.get("state") not in ("preparing", "running") or process is None or not is_alive(process):
        return None
    return None if process["pid"] == os.getpid() else process["pid"]
