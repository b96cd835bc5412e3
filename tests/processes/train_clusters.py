"""Train on clusters in a process that may kill itself between two re-clusterings, or in the middle of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch

import everymode
from everymode.labels import clusters
from everymode.training.trainer import Trainer

NUMBERS = {
    "steps": 12,
    "tick": 2,
    "snapshot": 4,
    "width": 4,
    "batch_size": 16,
    "watch_samples": 20,
    "mirror": True,
    "clusters": 5,
    "refresh_every": 5,
    "cluster_images": 300,
    "cluster_starts": 2,
}


def train_clusters(out: Path, kill: str) -> None:
    """Train for 12 steps, re-clustering before steps 0, 5 and 10, resuming what is there.

    Args:
        kill: "between" two re-clusterings, "during" the second, or "" for neither.
    """
    torch.set_num_threads(1)
    if kill == "between":
        _die_after(Trainer, "step", calls=7)
    if kill == "during":
        _die_after(clusters, "kmeans", calls=2)
    everymode.train("self-conditioned-digits", out=out, resume="auto", device="cpu", **NUMBERS)


def _die_after(owner: object, name: str, *, calls: int) -> None:
    """Kill this process at the end of that call."""
    original = getattr(owner, name)
    made = 0

    def counted(*arguments: object, **options: object) -> object:
        nonlocal made
        result = original(*arguments, **options)
        made += 1
        if made == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
