"""Record of the process that writes a run, by which another process on this machine can find out if it still runs."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["is_alive", "this_process"]

_PROCESSES = Path("/proc")
_START = 19
"""Index of the start time in /proc/PID/stat, counted from the process state."""


def this_process() -> dict[str, Any]:
    """Return the record of this process: machine, process id, and start time if the system reports it."""
    return {"machine": _machine(), "pid": os.getpid(), "start": _state_and_start(os.getpid())[1]}


def is_alive(record: Any) -> bool | None:
    """Return whether a process still runs, by its record; None if this machine can't know.

    It can't if the record is of another machine, of another container, from before a restart, or missing.
    """
    if not isinstance(record, Mapping) or record.get("machine") != _machine():
        return None
    pid = record.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0 or sys.platform == "win32":
        return None  # on Windows, os.kill ends the process
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process of another user
    except (OSError, OverflowError):
        return None
    state, start = _state_and_start(pid)
    if state in ("Z", "X"):  # killed, but its parent has not collected it
        return False
    # Process ids are reused.
    return not (start is not None and record.get("start") is not None and start != record["start"])


def _machine() -> str:
    """Return an identifier of this machine and container, which changes when the machine restarts."""
    facts = [platform.node()]
    with suppress(OSError):
        facts.append((_PROCESSES / "sys" / "kernel" / "random" / "boot_id").read_text())
    with suppress(OSError):
        facts.append(str((_PROCESSES / "self" / "ns" / "pid").readlink()))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _state_and_start(pid: int) -> tuple[str | None, int | None]:
    """Return a process's state letter and start time in clock ticks; None where the system does not report them."""
    try:
        # The name of the program, in parentheses, may contain spaces and parentheses.
        fields = (_PROCESSES / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[_START])
    except (OSError, LookupError, ValueError):
        return None, None
