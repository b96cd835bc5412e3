"""Trains one network alone before a game begins, such as an autoencoder whose codes are then clustered.

The result depends only on the hyper-parameters and the data: a killed run resumes from the last saved state and ends
with the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from everymode.data.order import DataOrder
from everymode.draws import Draws, Rows, stable_seed
from everymode.machine.progress import duration
from everymode.machine.stopping import Stopped
from everymode.storage import checkpoint as files
from everymode.training.optimizers import optimizer_state, restore_optimizer
from everymode.training.preparation import Preparation

Cost = Callable[[nn.Module, Tensor], Tensor]
"""(network, examples [B, ...]) -> scalar."""

LINES = 10
"""Number of progress lines."""


@dataclass(frozen=True)
class Pretraining:
    """Hyper-parameters of a pretraining."""

    name: str
    """Name of the task, in a word: used in printed lines, as the name of a folder, and in the seeds of random draws."""
    steps: int
    batch_size: int
    """Reduced to the number of images if that is lower."""
    learning_rate: float
    """Learning rate of Adam."""
    mirror: bool
    """Whether a random half of the images is flipped horizontally."""
    seed: int
    keep_every: int = 1000
    """Steps between saved states."""


def pretrain(
    network: nn.Module, cost: Cost, data: Any, numbers: Pretraining, preparation: Preparation
) -> None:
    """Train the network in place, in this process alone, then freeze it in eval mode.

    Args:
        network: to train.
        cost: (network, examples) -> scalar.
        data: has `len`, and `gather(rows, device, mirror=..., dtype=...)`.
        numbers: hyper-parameters.
        preparation: of the run; states are saved below its folder.

    Raises:
        Stopped: after a signal; the state was saved.
    """
    folder = preparation.folder / "preparation" / numbers.name
    network.to(preparation.device).requires_grad_(True).train()
    _keep_statistics_apart(network)
    optimizer = torch.optim.Adam(network.parameters(), numbers.learning_rate, fused=True)
    done = _resume(network, optimizer, folder, preparation)
    order = DataOrder(len(data), min(numbers.batch_size, len(data)), stable_seed(numbers.seed, numbers.name))
    began, first = time.perf_counter(), done
    while done < numbers.steps:
        value = cost(network, _examples(network, data, order, numbers, done))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        done += 1
        if done % max(numbers.steps // LINES, 1) == 0:
            left = (time.perf_counter() - began) / (done - first) * (numbers.steps - done)
            preparation.say(
                f"{numbers.name}: step {done:,} of {numbers.steps:,}, cost {float(value.detach()):.4g}, "
                f"about {duration(left)} left"
            )
        at_end = done == numbers.steps
        stopping = preparation.stop.requested and not at_end
        if at_end or stopping or done % numbers.keep_every == 0:
            _keep(network, optimizer, folder, done)
        if stopping:
            raise Stopped(
                f"stopped at step {done} of {numbers.steps} of the {numbers.name}, before the first step of the game",
                preparation.folder,
            )
    network.requires_grad_(False).eval()


def _examples(network: nn.Module, data: Any, order: DataOrder, numbers: Pretraining, step: int) -> Tensor:
    parameter = next(network.parameters())
    rows = order.indices(step)
    draws = Draws(numbers.seed, f"{numbers.name} {step}", Rows.all(len(rows)), parameter.device)
    mirror = draws.uniform("mirror") < 0.5 if numbers.mirror else None
    return data.gather(rows, parameter.device, mirror=mirror, dtype=parameter.dtype)


def _resume(
    network: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, preparation: Preparation
) -> int:
    """Load the last saved state of network and optimizer, and return the number of steps it had made."""
    newest = files.newest_valid(folder, preparation.say)
    if newest is None:
        return 0
    state = files.read_state(newest)
    network.load_state_dict(load_file(newest / "generator.safetensors"))
    restore_optimizer(network, optimizer, state["optimizer"])
    return int(state["steps"])


def _keep(network: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, steps: int) -> None:
    state = {"steps": steps, "optimizer": optimizer_state(network, optimizer)}
    files.write_checkpoint(folder, steps, generator=network.state_dict(), config={}, state=state)
    files.prune(folder, keep_last=1)


def _keep_statistics_apart(network: nn.Module) -> None:
    """Make batch normalization use this process's statistics only, since the other processes don't take part."""
    for module in network.modules():
        if isinstance(getattr(module, "synchronize", None), bool):
            module.synchronize = False  # pyright: ignore[reportArgumentType]  a plain attribute, no tensor or module
