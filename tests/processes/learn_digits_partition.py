"""Learn a small partition in a process that may kill itself after a given number of steps."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import torch

from everymode.data import open_images
from everymode.partitioner import learn_partition
from everymode.partitioner.settings import DIGITS

TINY = replace(
    DIGITS,
    k=4,
    blocks=(0, 1),
    width=4,
    full_blocks=1,
    full_width=8,
    pretext_steps=4,
    pretext_batch=16,
    partition_steps=4,
    partition_batch=16,
    starts=3,
    start_steps=3,
    neighbors=5,
    snapshot_seconds=0.0,
)


def learn(out: Path, kill_after: int = 0, **numbers: object) -> None:
    """Learn; where `kill_after` is not 0, die by SIGKILL after that many steps of this process."""
    torch.set_num_threads(1)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        if asked == kill_after > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        asked += 1
        return False

    learn_partition(open_images("digits").subset(range(60)), replace(TINY, **numbers), out, stop=stop)
