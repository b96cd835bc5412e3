"""A generator whose units are known, for the tests of dissections."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from everymode.extractors.palettes import palette

COLORS = palette([(255, 0, 0), (0, 0, 255)], [1, 2], ground=0)
NAMES = ("ground", "red", "blue")


class Squares(nn.Module):
    """A square of 2 x 2 at a random corner of 8 x 8 gray pixels, red for class 0 and blue for class 1.

    Units of its only layer [B, 3, 4, 4]: 0 is the square, 1 the square of class 0, 2 is noise.
    """

    latent_dim, num_classes = 3, 2

    def activations(self, z: Tensor, condition: Tensor) -> tuple[Tensor, ...]:
        corner = (z[:, 0] > 0).long() * 3
        cells = nn.functional.one_hot(corner * 4 + (z[:, 1] > 0).long() * 3, 16).view(-1, 1, 4, 4)
        square = cells.to(z) * (4 + 0.1 * z[:, 2:, None, None].sin()) - 1
        noise = torch.sin(40 * z[:, 2:, None, None] + torch.arange(16.0).view(1, 1, 4, 4))
        red = torch.where(condition.view(-1, 1, 1, 1) == 0, square, -1.0)
        return (torch.cat((square, red, noise), 1),)

    def from_activation(self, i: int, h: Tensor, condition: Tensor) -> Tensor:
        square = nn.functional.interpolate(h[:, :1], scale_factor=2) > 0
        color = torch.tensor([[1.0, -1, -1], [-1, -1, 1]])[condition][:, :, None, None]
        return torch.where(square, color, 0.0)

    def layer_groups(self) -> tuple:
        return (("canvas", []), ("head", []))
