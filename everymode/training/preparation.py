"""What a recipe is given to prepare its game with, before the first step: see `Recipe.prepare`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from everymode.machine.stopping import StopRequest
from everymode.storage.atomic import atomic_file


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
    verbose: bool
    """Whether this process talks: bars of its own would only be seen there."""

    def keep(self, module: nn.Module, name: str) -> None:
        """Write the module's state into the file `name` of the run's folder, atomically."""
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in module.state_dict().items()}
        with atomic_file(self.folder / name) as beside:
            save_file(plain, beside)

    def recall(self, module: nn.Module, name: str) -> bool:
        """Give the module the state that `keep` wrote. False, and nothing is done, where there is none yet."""
        place = self.folder / name
        if not place.is_file():
            return False
        try:
            module.load_state_dict(load_file(place))
        except (SafetensorError, RuntimeError, LookupError, OSError) as error:
            said = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{place} is damaged, or of another run ({said}): delete it, and what it holds is learned again"
            ) from error
        return True
