"""The small generator and discriminator of the reference vectors of restoration."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATH = Path(__file__).parents[1] / "vectors_restoration.npz"


@cache
def vectors() -> dict[str, Tensor]:
    """All arrays by name, float64 or int64."""
    with np.load(PATH) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}


class Block(nn.Module):
    """Nearest x2, 3x3 convolution plus a bias of the class, leaky ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.cls = nn.Linear(3, 4, bias=False)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        hidden = self.conv(F.interpolate(x, scale_factor=2)) + self.cls(code)[:, :, None, None]
        return F.leaky_relu(hidden, 0.2)


class TinyGenerator(nn.Module):
    """z [B, 6] and labels [B] -> images [B, 3, 16, 16]."""

    latent_dim = 6
    num_classes = 5

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Embedding(5, 3)
        self.linear = nn.Linear(6, 64)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.output_layer = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
        assert condition is not None
        hidden = self.linear(z).unflatten(1, (4, 4, 4))
        for block in self.blocks:
            hidden = block(hidden, self.shared(condition))
        return torch.tanh(self.output_layer(hidden))

    def layer_groups(self) -> tuple[tuple[str, list[nn.Parameter]], ...]:
        layers = [self.linear, *self.blocks, self.output_layer]
        return tuple((str(i), list(layer.parameters())) for i, layer in enumerate(layers))


class TinyDiscriminator(nn.Module):
    """Images [B, 3, 16, 16] -> three features."""

    def __init__(self) -> None:
        super().__init__()
        self.c0 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.c1 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.lin = nn.Linear(6, 1)

    def block_features(self, x: Tensor) -> tuple[Tensor, ...]:
        first = self.c0(x)
        second = self.c1(F.leaky_relu(first, 0.2))
        return first, second, F.leaky_relu(second, 0.2).sum((2, 3))


def tiny_generator() -> TinyGenerator:
    """The generator before the first step, in float64."""
    return _loaded(TinyGenerator(), "tiny.g0.")


def tiny_discriminator() -> TinyDiscriminator:
    """The discriminator, in float64."""
    return _loaded(TinyDiscriminator(), "tiny.d.")


def _loaded(network: Any, prefix: str) -> Any:
    state = {name.removeprefix(prefix): value for name, value in vectors().items() if name.startswith(prefix)}
    network.double().load_state_dict(state)
    return network
