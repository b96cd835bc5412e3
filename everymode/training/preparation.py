"""The environment in which a recipe prepares its game, before the first step: see `Recipe.prepare`."""

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
    """Folder, device and outputs for a recipe's preparation."""

    folder: Path
    """The run folder. Files written here are available after a kill, and to the other processes."""
    device: torch.device
    stop: StopRequest
    """Long work checks it, saves its state, and raises Stopped."""
    say: Callable[[str], None]
    """Prints a line, in the process that prints."""
    verbose: bool
    """Whether this process prints; progress bars are shown only there."""
    game_seconds: Callable[[], float | None] = lambda: None
    """Estimates the time of the game that follows; None if it is unknown."""

    def keep(self, module: nn.Module, name: str) -> None:
        """Write the module's state to the file `name` in the run folder, atomically."""
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in module.state_dict().items()}
        with atomic_file(self.folder / name) as beside:
            save_file(plain, beside)

    def recall(self, module: nn.Module, name: str) -> bool:
        """Load the state that `keep` wrote into the module.

        Returns:
            False, with the module unchanged, if there is no such file.

        Raises:
            ValueError: if the file is damaged or doesn't fit the module.
        """
        path = self.folder / name
        if not path.is_file():
            return False
        try:
            module.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError, LookupError, OSError) as error:
            message = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path} is damaged, or of another run ({message}): delete it, and what it holds is learned again"
            ) from error
        return True
