"""End of a command: exit codes, and the error message in one line."""

from __future__ import annotations

import os
import sys
import traceback
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. 75 is EX_TEMPFAIL, which schedulers read as "try again later"; 141 is a closed output pipe."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    DIVERGED = 4
    STOPPED = 75
    INTERRUPTED = 130
    UNREAD = 141


def fail(error: BaseException | str, code: Exit) -> Exit:
    """Print `error: ...` in one line on stderr, and return the code. EVERYMODE_TRACEBACK=1 adds the traceback.

    Under torchrun the first process of each machine prints, so that an error of a single machine is visible.
    """
    if isinstance(error, BaseException) and os.environ.get("EVERYMODE_TRACEBACK", "0") not in ("", "0"):
        traceback.print_exception(error)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def say(text: str) -> None:
    """Print a line on stdout, in the first process of a run only."""
    if os.environ.get("RANK", "0") == "0":
        print(text, flush=True)
