"""Train on the digits in a process that may signal itself at a given step."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

import everymode
from everymode.machine.stopping import Stopped
from everymode.training.trainer import Trainer

STEPS = 12


def train_digits(
    out: Path, numbers: dict[str, object], resume: str | None, send: str = "", at: int = 0, rank: int = 0
) -> None:
    """Train for 12 steps; exit with 75 (try again) where a signal stopped the run, as the command line does.

    Args:
        send: name of the signal that the process of this `rank` sends itself after step `at`.
    """
    torch.set_num_threads(1)
    if send and int(os.environ.get("RANK", "0")) == rank:
        signal_itself(send, at)
    given = {"steps": STEPS, "tick": 2, "snapshot": 4, "width": 4, "batch_size": 16, "mirror": True}
    given |= {"watch_samples": 20}
    try:
        everymode.train("omni-gan-digits", out=out, resume=resume, device="cpu", **(given | numbers))
    except Stopped as stopped:
        print(stopped)
        sys.exit(75)


def signal_itself(name: str, at: int) -> None:
    """Send this process a signal, by its name, after a step."""
    chosen, step = signal.Signals[name], Trainer.step

    def step_and_signal(trainer: Trainer) -> None:
        step(trainer)
        if trainer.completed == at:
            os.kill(os.getpid(), chosen)

    Trainer.step = step_and_signal
