"""A user's own critic, which knows nothing of this library, and its training: in one process, or on ranks under DDP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from everymode.norms import convolution_spectral_norm, normalize_weights, sparsity_aware_norm, weight_norm

RULES: dict[str, Callable] = {
    "sparsity-aware": sparsity_aware_norm,
    "subset": lambda: sparsity_aware_norm(fraction=0.5, interval=2, momentum=0.2),
    "differentiated": lambda: sparsity_aware_norm(differentiate=True),
    "convolution": convolution_spectral_norm,
    "weight norm": weight_norm,
}


class TheirBlock(nn.Module):
    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 3, stride=stride, padding=1, padding_mode="circular")
        self.skip = nn.Conv2d(ins, outs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.conv(x), 0.1) + self.skip(x)


class TheirCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(TheirBlock(3, 8, 1), TheirBlock(8, 8, 2), TheirBlock(8, 16, 2))
        self.out = nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.blocks(images).mean((2, 3)))


def made(rule: str, seed: int = 0) -> TheirCritic:
    torch.manual_seed(seed)
    return normalize_weights(TheirCritic(), RULES[rule](), torch.zeros(1, 3, 8, 8))


def batch(step: int) -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))


def train(
    critic: nn.Module,
    steps: range,
    optimizer: torch.optim.Optimizer | None = None,
    rows: slice = slice(None),
) -> list[float]:
    """The hinge loss step by step, on some rows of each batch."""
    optimizer = optimizer or torch.optim.Adam(critic.parameters(), lr=5e-3, fused=True)
    costs = []
    for step in steps:
        real, fake = batch(step)[rows] + 0.5, batch(-step - 1)[rows] - 0.5
        cost = torch.relu(1 - critic(real)).mean() + torch.relu(1 + critic(fake)).mean()
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    return costs


def plain_descent(critic: nn.Module) -> torch.optim.Optimizer:
    """Adam would make a whole step of a gradient that is nothing but rounding."""
    return torch.optim.SGD(critic.parameters(), lr=0.02)


def train_on_ranks(out: Path, steps: int) -> None:
    """Every rank trains a wrapped critic of each rule on its rows of the batches and saves what it has then."""
    dist.init_process_group("gloo")
    for rule in RULES:
        # In a function of its own: a wrapper that outlives its process group may wait for ever when it is freed.
        _train_wrapped(rule, steps, out)
    dist.barrier()
    dist.destroy_process_group()


def _train_wrapped(rule: str, steps: int, out: Path) -> None:
    rank, ranks = dist.get_rank(), dist.get_world_size()
    wrapped = nn.parallel.DistributedDataParallel(made(rule))
    rows = slice(rank * 4 // ranks, (rank + 1) * 4 // ranks)
    train(wrapped, range(steps), plain_descent(wrapped), rows=rows)
    torch.save(wrapped.module.state_dict(), out / f"{rule}-{rank}.pt")
