"""Stopping on a signal: the trainer finishes its step, saves and returns; a second Ctrl-C stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


class Stopped(RuntimeError):
    """Raised when a signal has stopped the run, after a valid checkpoint was written.

    Attributes:
        text: where the run was stopped.
        folder: the run folder.
        resume_call: the Python call that resumes the run, which the message ends with; "" if it is not known.
    """

    def __init__(self, text: str, folder: Path | None) -> None:
        super().__init__(text)
        self.text = text
        self.folder = folder
        self.resume_call = ""

    def __str__(self) -> str:
        return f"{self.text}; resume with: {self.resume_call}" if self.resume_call else self.text


class StopRequest:
    """Request to stop, set by a signal.

    Attributes:
        signal: the first signal received; None if there was none.
        listening: whether SIGINT (Ctrl-C) is a request, too. While it is False, the former handler gets that signal: it
            ends the program at once.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.listening = True
        self.former: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a signal was received."""
        return self.signal is not None

    def request(self, number: int, frame: FrameType | None = None) -> None:
        """Record a signal; the signal handler. A second SIGINT goes to the former handler, or else ends the program.

        Raises:
            KeyboardInterrupt: on a second SIGINT, or on the first one before the run listens.
        """
        if number == signal.SIGINT and (self.requested or not self.listening):
            former = self.former.get(number)
            if callable(former):
                former(number, frame)
            raise KeyboardInterrupt
        # Schedulers repeat signals (a signal to torchrun arrives twice), so only a second Ctrl-C stops at once.
        if number == signal.SIGINT and not self.requested and os.environ.get("LOCAL_RANK", "0") == "0":
            os.write(2, b"\nstopping after this step; Ctrl-C again ends the program at once\n")
        self.signal = self.signal or signal.Signals(number)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Yield a request that SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (which Slurm can send) set, then restore the handlers.

    A signal that the process ignores, as SIGINT in the background of a shell script, stays ignored. Outside the main
    thread, where Python allows no handlers, no signal is caught.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGUSR1"):
        numbers.append(signal.SIGUSR1)
    former = {number: signal.getsignal(number) for number in numbers}
    request.former = {number: handler for number, handler in former.items() if handler is not signal.SIG_IGN}
    for number in request.former:
        signal.signal(number, request.request)
    try:
        yield request
    finally:
        for number, handler in request.former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not Python's
