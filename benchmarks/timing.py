"""Timing of variants in turn, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

Work = Callable[[], object]


def interleaved(works: Mapping[str, Work], *, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Return seconds by name; the functions run in turn, after two warm-up rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 2):
        for name, work in works.items():
            taken = timed(work, device)
            if number >= 2:
                seconds[name].append(taken)
    return seconds


def timed(work: Work, device: torch.device) -> float:
    """Return the seconds of one call, including the work that it queues on the device."""
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
