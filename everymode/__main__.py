"""Entry point of `everymode`, `python -m everymode` and `torchrun -m everymode`.

The command line is imported inside `main`, so that Ctrl-C during the imports ends in one line, too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED = 130
"""Exit code after Ctrl-C."""
SECONDS_TO_CLEAN = 5.0
"""Time that the command has to clean up after Ctrl-C."""


def main() -> int:
    """Run this process's command line, and return its exit code; Ctrl-C ends the process with code 130 and one line."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if it is ignored, as by nohup
            signal.signal(signal.SIGINT, interrupt)
            sys.unraisablehook = _unraisable
        from everymode.cli import main as run

        code = run()
        if code == INTERRUPTED:
            _leave()  # what a Ctrl-C has cut short may crash the interpreter's own end
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback from here on
    except KeyboardInterrupt:
        end()
    return code


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or end the process at once where an exception would do harm; the handler of Ctrl-C.

    Other packages' modules may swallow an exception while they are imported, or crash. There is nothing to clean up
    then. A second Ctrl-C ends the process at once, and so does the first one after `SECONDS_TO_CLEAN`.
    """
    if _imports_others(frame):
        end()
    signal.signal(number, lambda *_: end())
    threading.Thread(target=_end_later, daemon=True).start()
    raise KeyboardInterrupt


def end() -> NoReturn:
    """Print that the process was interrupted, in the first process of each machine, and end it with code 130."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        os.write(2, b"error: interrupted\n")
    _leave()


def _leave() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, RuntimeError, ValueError):  # closed, or interrupted in the middle of a write
            continue
    os._exit(INTERRUPTED)


def _imports_others(frame: FrameType | None) -> bool:
    """Return whether a module of another package is being imported."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            package = str(frame.f_globals.get("__name__")).partition(".")[0]
            if package not in ("everymode", "__main__"):
                return True
        frame = frame.f_back
    return False


def _end_later() -> None:
    time.sleep(SECONDS_TO_CLEAN)
    end()


def _unraisable(what: UnraisableHookArgs) -> None:
    """End the process if a destructor or callback has swallowed KeyboardInterrupt; else report it as Python does."""
    if what.exc_type is KeyboardInterrupt:
        end()
    sys.__unraisablehook__(what)


if __name__ == "__main__":
    sys.exit(main())
