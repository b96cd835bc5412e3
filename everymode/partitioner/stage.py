"""A training stage: a network, its optimizer, a step function, and the state that a resumed run needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """Training steps 0 .. steps - 1, each a function of its index and the current state."""

    name: str
    steps: int
    network: nn.Module
    optimizer: torch.optim.Optimizer
    step: Callable[[int], Tensor]
    """Function that runs one step, given its index, and returns its loss, a detached scalar."""

    def state(self) -> dict[str, Tensor]:
        """Return the network's parameters and buffers, and the optimizer's tensors of each parameter."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{index}/{key}"] = value
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned; other tensors are ignored."""
        network, moments = {}, {}
        for path, tensor in tensors.items():
            kind, _, rest = path.partition("/")
            if kind == "network":
                network[rest] = tensor
            elif kind == "optimizer":
                index, _, key = rest.partition("/")
                moments.setdefault(int(index), {})[key] = tensor
        self.network.load_state_dict(network)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
