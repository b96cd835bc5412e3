"""PAPER: the implicit output head of Omni-INR-GAN, which makes a generator draw at any height and width.

Zhou, Xie, Ni, Geng, Tian, ICCV 2021, section 3.4, appendix D and tables 7 and 8; released as
PeterouZh/Omni-GAN-DGP:exp/omni_inr_GAN/models/inr_omniGAN.py and net_mlp.py. A small fully connected network
gives the color at a point from the features around it, the point's row and column in [-1, 1], and the size of
a pixel ("cell"; the released code has it, the paper's tables do not).

Off the native size the released code lets features fade to zero beyond the outermost pixel centers, which
shows at the borders; here they are held by default. And its test rule for the cell is the default: 2 at any
size, as training saw no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.sizes import Size, require_positive
from everymode.precision import full_precision


def pixel_centers(count: int, like: Tensor) -> Tensor:
    """Coordinates [count] of pixel centers in [-1, 1]: -1 + (2i + 1) / count; kind and device as `like`."""
    return (2 * torch.arange(count, dtype=like.dtype, device=like.device) + (1 - count)) / count


def lookup_matrix(count: int, grid: int, like: Tensor, *, border_padding: bool = True) -> Tensor:
    """Weights [count, grid] of linear interpolation between `grid` cells at the centers of `count` pixels.

    Along one dimension this is grid_sample without aligned corners.

    Args:
        like: gives the kind of number and the device.
        border_padding: pixels outside the outermost cells' centers get the outermost cell; where False they
            get it faded toward zero.
    """
    positions = torch.arange(count, dtype=like.dtype, device=like.device)
    positions = (positions + 0.5) * (grid / count) - 0.5
    if border_padding:
        positions = positions.clamp(0, grid - 1)
    cells = torch.arange(grid, dtype=like.dtype, device=like.device)
    return (1 - (positions[:, None] - cells).abs()).clamp_min(0)


def bilinear_lookup(features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Features [B, C, Hf, Wf] at all pairs of rows [H, Hf] and columns [W, Wf], as lookup matrices:
    [B, C, H, W].

    Two matrix products: unlike grid_sample's, their gradient adds up in the same order every time.
    """
    with full_precision(features):
        return ((rows @ features.to(rows.dtype)) @ columns.mT).to(features.dtype)


def cell_size(size: Size, grid: Size, *, relative: bool = False) -> tuple[float, float]:
    """(height, width) of a pixel in cells of the feature map, times 2: (2, 2) at the native size.

    Args:
        relative: False keeps (2, 2) at every size, the only values that training at one size has seen.
    """
    return (2 * grid[0] / size[0], 2 * grid[1] / size[1]) if relative else (2.0, 2.0)


class ImplicitHead(nn.Module):
    """Feature maps to images of any size: features [B, in_channels, Hf, Wf] -> [B, channels, H, W] in [-1, 1].

    For each pixel: the 3x3 neighborhoods of the features (zeros outside the map), interpolated at its center,
    then row, column, cell height and cell width, then linear layers with ReLU between them, then tanh. The
    first layer's weight is [hidden[0], 9 * in_channels + 4], its inputs in this order (channel by channel, each
    with its neighborhood row by row), as in released checkpoints.

    The first layer and the interpolation commute, both being linear, so the layer runs first, as a 3x3
    convolution of the feature map. At the native size the interpolation is the identity and left out.

    Initial weights are torch's defaults, which whole-network initializations keep
    (`everymode.networks.initialization`): the released code builds this network after initializing the others.

    Args:
        in_channels: channels of the features.
        channels: channels of the images.
        hidden: widths of the hidden layers.
        border_padding: how features continue beyond the outermost pixel centers, off the native size: held
            (True), or faded to zero as released (False: border pixels drift from the picture).
        relative_cell: the cell follows the size asked for, as in the released training code; otherwise it is
            2 at every size. At the native size there is no difference.
        unfold: feed 3x3 neighborhoods; otherwise single positions. This and the next two are the paper's
            ablations.
        coordinates: feed row and column.
        cell: feed the cell.
        max_points: pixels, over the whole batch, that are computed at once where no gradient is needed; it bounds
            the memory (but for what grows with a side, not with the area) and changes no value but in the last bits.
    Raises:
        ValueError: widths, channels or max_points below 1.
    """

    initializes_itself = True

    def __init__(
        self,
        in_channels: int,
        channels: int = 3,
        *,
        hidden: Sequence[int] = (96, 96),
        border_padding: bool = True,
        relative_cell: bool = False,
        unfold: bool = True,
        coordinates: bool = True,
        cell: bool = True,
        max_points: int = 65536,
    ) -> None:
        super().__init__()
        if min(in_channels, channels, max_points, *hidden) < 1:
            raise ValueError(
                f"channels, hidden widths and max_points must be at least 1, not {in_channels} and {channels}, "
                f"{tuple(hidden)} and {max_points}."
            )
        self.in_channels = in_channels
        self.border_padding = border_padding
        self.relative_cell = relative_cell
        self.kernel = 3 if unfold else 1
        self.coordinates = coordinates
        self.cell = cell
        self.max_points = max_points
        ins = (in_channels * self.kernel**2 + 2 * coordinates + 2 * cell, *hidden)
        self.layers = nn.ModuleList(
            nn.Linear(*widths) for widths in zip(ins, (*hidden, channels), strict=True)
        )

    def forward(self, features: Tensor, size: Size | None = None) -> Tensor:
        """Images at `size` (height, width), or at the size of the feature map where None.

        Raises:
            ValueError: a side of the size is below 1.
        """
        grid = (features.shape[2], features.shape[3])
        height, width = grid if size is None else require_positive(size)
        weight = self.layers[0].weight  # read once: a normalized weight may be computed at each reading
        first = self._first_layer(features, weight)
        by_row, by_column = self._of_position(weight, (height, width), grid)
        row_lookup = column_lookup = None
        if (height, width) != grid:
            like = first if first.dtype == torch.float64 else first[:0].float()
            row_lookup = lookup_matrix(height, grid[0], like, border_padding=self.border_padding)
            column_lookup = lookup_matrix(width, grid[1], like, border_padding=self.border_padding)

        def drawn(rows: slice, columns: slice) -> Tensor:
            if row_lookup is None or column_lookup is None:
                found = first[:, :, rows, columns]
            else:
                found = bilinear_lookup(first, row_lookup[rows], column_lookup[columns])
            return self._other_layers(found + (by_row[:, rows, None] + by_column[:, None, columns]))

        across = down = max(height, width)
        if not first.requires_grad:
            points = max(self.max_points // max(len(features), 1), 1)
            across = min(width, points)
            # A row is looked up in the whole width of the features before its columns are.
            down = max(points // max(across, grid[1]), 1)
        strips = [
            _joined([drawn(rows, columns) for columns in _parts(width, across)], 3)
            for rows in _parts(height, down)
        ]
        return _joined(strips, 2)

    def extra_repr(self) -> str:
        return f"border_padding={self.border_padding}, relative_cell={self.relative_cell}, unfold={self.kernel == 3}"

    def _first_layer(self, features: Tensor, weight: Tensor) -> Tensor:
        """The first layer's part that depends on the features, on their own grid, without its bias."""
        kernel = weight[:, : self.in_channels * self.kernel**2]
        kernel = kernel.reshape(len(weight), self.in_channels, self.kernel, self.kernel)
        return F.conv2d(features, kernel, padding=self.kernel // 2)

    def _of_position(self, weight: Tensor, size: Size, grid: Size) -> tuple[Tensor, Tensor]:
        """The rest of the first layer: a part [hidden, H] for rows, with bias and cell, and one [hidden, W]."""
        at = self.in_channels * self.kernel**2
        bias = self.layers[0].bias
        by_column = bias.new_zeros(1, size[1])
        if self.cell:
            cell_height, cell_width = cell_size(size, grid, relative=self.relative_cell)
            bias = bias + weight[:, -2] * cell_height + weight[:, -1] * cell_width
        by_row = bias[:, None].expand(-1, size[0])
        if self.coordinates:
            by_row = by_row + weight[:, at, None] * pixel_centers(size[0], weight)
            by_column = weight[:, at + 1, None] * pixel_centers(size[1], weight)
        return by_row, by_column

    def _other_layers(self, hidden: Tensor) -> Tensor:
        """The layers after the first, as 1x1 convolutions."""
        for layer in self.layers[1:]:
            hidden = F.conv2d(F.relu(hidden), layer.weight[:, :, None, None], layer.bias)
        return torch.tanh(hidden)


def _parts(length: int, longest: int) -> list[slice]:
    return [slice(start, min(start + longest, length)) for start in range(0, length, longest)]


def _joined(parts: list[Tensor], dimension: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dimension)
