"""How a command ends: its exit codes, and the one line that says what went wrong."""

from __future__ import annotations

import os
import sys
import traceback
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes: 75 is what schedulers know as "try again later" (EX_TEMPFAIL), 141 the end of a pipe."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    DIVERGED = 4
    STOPPED = 75
    INTERRUPTED = 130
    UNREAD = 141


def fail(error: BaseException | str, code: Exit) -> Exit:
    """Say `error: ...` in one line on stderr, and return the code. EVERYMODE_TRACEBACK=1 adds the traceback.

    Under torchrun the first process of each machine speaks: if only one machine lacks the data, it says so.
    """
    if isinstance(error, BaseException) and os.environ.get("EVERYMODE_TRACEBACK", "0") not in ("", "0"):
        traceback.print_exception(error)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def say(text: str) -> None:
    """A line on stdout, from one process of a run only."""
    if os.environ.get("RANK", "0") == "0":
        print(text, flush=True)
