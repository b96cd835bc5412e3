"""Small generators for the tests of evaluations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.labels.given import GivenLabels, NoLabels
from everymode.norms.conditional import BatchNorm
from everymode.sampling.generator import Generator

CLASSES = ("red", "green", "blue")


class Painter(nn.Module):
    """A flat color from z, brighter in the channel of the class; with batch normalization of z if asked."""

    latent_dim = 3

    def __init__(self, *, normalized: bool = False) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(0.5))
        self.norm = BatchNorm(3) if normalized else None

    def forward(self, z: Tensor, condition: Tensor | None, size: tuple[int, int] = (8, 8)) -> Tensor:
        if self.norm is not None:
            z = self.norm(z)
        if condition is not None:
            z = z + nn.functional.one_hot(condition, 3) * self.strength
        return torch.tanh(0.5 * z)[:, :, None, None].expand(-1, -1, *size)


class Pointer(nn.Module):
    """z itself, as points."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.02))

    def forward(self, z: Tensor, condition: Tensor | None) -> Tensor:
        center = torch.tensor([1.0, 0.0]).to(z)
        return z * self.scale + center


def painter(*, labels: bool = True, normalized: bool = False) -> Generator:
    """A generator of three classes, or of none."""
    source = GivenLabels(3) if labels else NoLabels()
    return Generator(Painter(normalized=normalized), source, classes=CLASSES if labels else ())
