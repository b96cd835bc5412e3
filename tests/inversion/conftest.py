"""A generator of two small layers, which inversion reaches by the same methods as the project's networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


class TinyGenerator(nn.Module):
    """z [B, 6] -> [B, 4, 3, 3] -> [B, 4, 6, 6] -> images [B, 3, 6, 6]; the label shifts the second layer."""

    latent_dim = 6

    def __init__(self, num_classes: int | tuple[int, ...] | None = 3) -> None:
        super().__init__()
        self.num_classes = num_classes
        count = num_classes if isinstance(num_classes, int) else sum(num_classes or (1,))
        self.linear = nn.Linear(6, 36)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.table = nn.Embedding(count, 4)
        self.output = nn.Conv2d(4, 3, 3, padding=1)
        self.drop = nn.Dropout(0.5)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.from_activation(0, self.linear(z).view(-1, 4, 3, 3), condition)

    def activations(self, z: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        first = self.linear(z).view(-1, 4, 3, 3)
        return first, self.from_activation(0, first, condition, to=1)

    def from_activation(
        self, i: int, h: Tensor, condition: Tensor | None = None, *, to: int | None = None
    ) -> Tensor:
        if to == i:
            return h
        if i == 0:
            large = nn.functional.interpolate(h, scale_factor=2)
            h = torch.tanh(self.block(large) + self._shift(condition))
        return torch.tanh(self.output(self.drop(h))) if to is None else h

    def _shift(self, condition: Tensor | None) -> Tensor:
        if self.num_classes is None:
            return torch.zeros(4, 1, 1, dtype=self.linear.weight.dtype)
        assert condition is not None
        if isinstance(self.num_classes, tuple):
            offsets = torch.tensor([0, *self.num_classes[:-1]]).cumsum(0)
            return self.table(condition + offsets).sum(1)[:, :, None, None]
        return self.table(condition)[:, :, None, None]


@pytest.fixture(params=[3, (3, 2), None], ids=["classes", "blocks", "unconditional"])
def any_generator(request: pytest.FixtureRequest) -> TinyGenerator:
    return tiny(request.param)


@pytest.fixture
def generator() -> TinyGenerator:
    return tiny(3)


def tiny(num_classes: int | tuple[int, ...] | None) -> TinyGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TinyGenerator(num_classes).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(2)
    return network
