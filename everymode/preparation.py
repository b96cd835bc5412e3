"""What a recipe is given to prepare its game with, before the first step: see `Recipe.prepare`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from everymode.stopping import StopRequest


@dataclass(frozen=True)
class Preparation:
    """Where and how a recipe prepares."""

    folder: Path
    """The run's folder: what is kept here is found again after a kill, and by the other processes."""
    device: torch.device
    stop: StopRequest
    """Long work looks at it, keeps what it has, and leaves."""
    say: Callable[[str], None]
    """Prints a line, in the process that talks."""
    talk: bool
    """Whether this process talks: bars of its own would only be seen there."""
