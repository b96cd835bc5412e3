"""A stage of learning: a network, its optimizer, a step, and what a killed run needs to go on with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """Steps 0 .. steps - 1, each a function of its number and of the state so far."""

    name: str
    steps: int
    network: nn.Module
    optimizer: torch.optim.Optimizer
    step: Callable[[int], Tensor]
    """Makes one step and returns its loss, a scalar without a graph."""

    def state(self) -> dict[str, Tensor]:
        """The network's parameters and buffers, and the optimizer's tensors by parameter."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, held in self.optimizer.state_dict()["state"].items():
            for key, value in held.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{number}/{key}"] = value
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        network, moments = {}, {}
        for path, tensor in tensors.items():
            kind, _, rest = path.partition("/")
            if kind == "network":
                network[rest] = tensor
            elif kind == "optimizer":
                number, _, key = rest.partition("/")
                moments.setdefault(int(number), {})[key] = tensor
        self.network.load_state_dict(network)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
