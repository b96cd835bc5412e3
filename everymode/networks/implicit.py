"""PAPER: the implicit output head of Omni-INR-GAN, which lets a generator produce images of any height and width.

Zhou, Xie, Ni, Geng, Tian, ICCV 2021, section 3.4, appendix D and tables 7 and 8; released as
PeterouZh/Omni-GAN-DGP:exp/omni_inr_GAN/models/inr_omniGAN.py and net_mlp.py. A small fully connected network computes
the color at a point from the features around it, the point's row and column in [-1, 1], and the size of a pixel
("cell"; in the released code, but not in the paper's tables).

At other sizes than the native one, the released code lets features fade to zero beyond the outermost pixel centers,
which is visible at the borders; here they are extended by default. The default for the cell is the rule that the
released code uses in tests: 2 at any size, the only value in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.networks.sizes import Size, require_positive
from everymode.precision import full_precision


def pixel_centers(count: int, like: Tensor) -> Tensor:
    """Return pixel centers [count] in [-1, 1], -1 + (2i + 1) / count, in the type and on the device of `like`."""
    return (2 * torch.arange(count, dtype=like.dtype, device=like.device) + (1 - count)) / count


def lookup_matrix(count: int, grid: int, like: Tensor, *, border_padding: bool = True) -> Tensor:
    """Return weights [count, grid] of linear interpolation between `grid` cells at the centers of `count` pixels.

    Along one dimension this is grid_sample with align_corners=False.

    Args:
        count: number of pixels.
        grid: number of cells.
        like: a tensor that determines type and device.
        border_padding: whether pixels beyond the centers of the outermost cells get the value of the outermost cell;
            if False, that value fades toward zero.
    """
    positions = torch.arange(count, dtype=like.dtype, device=like.device)
    positions = (positions + 0.5) * (grid / count) - 0.5
    return interpolation_weights(positions, grid, border_padding=border_padding)


def interpolation_weights(positions: Tensor, grid: int, *, border_padding: bool = True) -> Tensor:
    """Return weights [count, grid] of linear interpolation between `grid` cells at any positions.

    Args:
        positions: [count], in cells: 0 is the center of the first cell, grid - 1 that of the last.
        grid: number of cells.
        border_padding: as in `lookup_matrix`.
    """
    if border_padding:
        positions = positions.clamp(0, grid - 1)
    cells = torch.arange(grid, dtype=positions.dtype, device=positions.device)
    return (1 - (positions[:, None] - cells).abs()).clamp_min(0)


def bilinear_lookup(features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Interpolate features [B, C, Hf, Wf] at all pairs of rows and columns.

    It uses two matrix products, whose gradient, unlike grid_sample's, is summed in the same order every time.

    Args:
        features: [B, C, Hf, Wf].
        rows: lookup matrix [H, Hf].
        columns: lookup matrix [W, Wf].
    Returns:
        [B, C, H, W], of the features' precision.
    """
    with full_precision(features):
        return ((rows @ features.to(rows.dtype)) @ columns.mT).to(features.dtype)


def cell_size(size: Size, grid: Size, *, relative: bool = False) -> tuple[float, float]:
    """Return (height, width) of a pixel in cells of the feature map, times 2: (2, 2) at the native size.

    Args:
        size: (H, W) of the image.
        grid: (Hf, Wf) of the feature map.
        relative: if False, the result is (2, 2) at every size, the only values in training at one size.
    """
    return (2 * grid[0] / size[0], 2 * grid[1] / size[1]) if relative else (2.0, 2.0)


class ImplicitHead(nn.Module):
    """An output head for images of any size: features [B, in_channels, Hf, Wf] -> [B, channels, H, W] in [-1, 1].

    The input at a pixel is the 3x3 neighborhoods of the features (zeros outside the map), interpolated at the pixel's
    center, then row, column, cell height and cell width. Linear layers with ReLU between them and a final tanh follow.
    The first layer's weight is [hidden[0], 9 * in_channels + 4], with inputs in this order (channel by channel, each
    neighborhood row by row), as in released checkpoints.

    The first layer and the interpolation commute, because both are linear. Therefore the layer runs first, as a 3x3
    convolution of the feature map. At the native size the interpolation is the identity, and is skipped.

    Initial weights are torch's defaults, and initializations of whole networks (`everymode.networks.initialization`)
    keep them: the released code builds this network after initializing the others.

    Args:
        in_channels: channels of the features.
        channels: channels of the images.
        hidden: widths of the hidden layers.
        border_padding: extension of the features beyond the outermost pixel centers, at other sizes than the native
            one: True repeats them; False fades them to zero as released (border pixels then deviate).
        relative_cell: whether the cell depends on the requested size, as in the released training code; if False, it
            is 2 at every size. At the native size there is no difference.
        unfold: use 3x3 neighborhoods as input; if False, single positions. This and the next two arguments are the
            paper's ablations.
        coordinates: use row and column as input.
        cell: use the cell as input.
        max_points: number of pixels, over the whole batch, that are computed at once if no gradient is needed. It
            limits the memory (except for what grows with a side, not with the area) and changes values in the last
            bits only.
    Raises:
        ValueError: if widths, channels or max_points are below 1.
    """

    initializes_itself = True
    """Whether initializations of whole networks skip this module."""

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
        """Return images of the given size.

        Args:
            features: [B, in_channels, Hf, Wf].
            size: (H, W) of the images; default: the size of the feature map.
        Returns:
            [B, channels, H, W] in [-1, 1].
        Raises:
            ValueError: if a side of the size is below 1.
        """
        grid = (features.shape[2], features.shape[3])
        height, width = grid if size is None else require_positive(size)
        weight = self._layer(0).weight  # read once: a weight rule may compute it at each access
        first = self._first_layer(features, weight)
        centers = (pixel_centers(height, weight), pixel_centers(width, weight))
        by_row, by_column = self._of_position(weight, *centers, grid)
        row_lookup = column_lookup = None
        if (height, width) != grid:
            like = first if first.dtype == torch.float64 else first[:0].float()
            row_lookup = lookup_matrix(height, grid[0], like, border_padding=self.border_padding)
            column_lookup = lookup_matrix(width, grid[1], like, border_padding=self.border_padding)

        def image_at(rows: slice, columns: slice) -> Tensor:
            if row_lookup is None or column_lookup is None:
                interpolated = first[:, :, rows, columns]
            else:
                interpolated = bilinear_lookup(first, row_lookup[rows], column_lookup[columns])
            return self._other_layers(interpolated + (by_row[:, rows, None] + by_column[:, None, columns]))

        across = down = max(height, width)
        if not first.requires_grad:
            points = max(self.max_points // max(len(features), 1), 1)
            across = min(width, points)
            # The row interpolation covers the whole width of the features, before that of the columns.
            down = max(points // max(across, grid[1]), 1)
        pieces = [(rows, columns) for rows in _slices(height, down) for columns in _slices(width, across)]
        if len(pieces) == 1:
            return image_at(*pieces[0])
        # Pieces that are kept one by one would lie between the freed intermediate results, whose memory the C library
        # could then not use again: a peak of 2.8 instead of 0.7 GB at 2000x3000.
        image: Tensor | None = None
        for rows, columns in pieces:
            piece = image_at(rows, columns)
            if image is None:
                image = piece.new_empty(len(piece), piece.shape[1], height, width)
            image[:, :, rows, columns] = piece
        assert image is not None  # a size has pixels
        return image

    def at(self, features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the image at any rows and columns, in one pass; `max_points` has no effect.

        An image of size (H, W) is at rows (i + 0.5) * Hf / H - 0.5 and columns (j + 0.5) * Wf / W - 0.5, with i from 0
        to H - 1 and j from 0 to W - 1. Only a head with `relative_cell` depends on the number of rows and columns.

        Args:
            features: [B, in_channels, Hf, Wf].
            rows: [h], in cells of the feature map: 0 is the center of the first row, Hf - 1 that of the last.
            columns: [w], likewise.
        Returns:
            [B, channels, h, w] in [-1, 1].
        """
        grid = (features.shape[2], features.shape[3])
        weight = self._layer(0).weight
        first = self._first_layer(features, weight)
        positions = (rows.to(first.dtype), columns.to(first.dtype))
        lookups = [
            interpolation_weights(each, cells, border_padding=self.border_padding)
            for each, cells in zip(positions, grid, strict=True)
        ]
        centers = [(2 * each + (1 - cells)) / cells for each, cells in zip(positions, grid, strict=True)]
        by_row, by_column = self._of_position(weight, centers[0], centers[1], grid)
        interpolated = bilinear_lookup(first, lookups[0], lookups[1])
        return self._other_layers(interpolated + (by_row[:, :, None] + by_column[:, None, :]))

    def extra_repr(self) -> str:
        return f"border_padding={self.border_padding}, relative_cell={self.relative_cell}, unfold={self.kernel == 3}"

    def _first_layer(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return the terms of the first layer that depend on the features, on the features' grid, without the bias."""
        kernel = weight[:, : self.in_channels * self.kernel**2]
        kernel = kernel.reshape(len(weight), self.in_channels, self.kernel, self.kernel)
        return F.conv2d(features, kernel, padding=self.kernel // 2)

    def _of_position(
        self, weight: Tensor, rows: Tensor, columns: Tensor, grid: Size
    ) -> tuple[Tensor, Tensor]:
        """Return the other terms of the first layer: by row [hidden, H], with bias and cell; by column [hidden, W].

        Args:
            weight: of the first layer.
            rows: centers of the pixels in [-1, 1], [H].
            columns: likewise, [W].
            grid: (Hf, Wf) of the feature map.
        """
        size = (rows.shape[0], columns.shape[0])
        start = self.in_channels * self.kernel**2
        bias = self._layer(0).bias
        by_column = bias.new_zeros(1, size[1])
        if self.cell:
            cell_height, cell_width = cell_size(size, grid, relative=self.relative_cell)
            bias = bias + weight[:, -2] * cell_height + weight[:, -1] * cell_width
        by_row = bias[:, None].expand(-1, size[0])
        if self.coordinates:
            by_row = by_row + weight[:, start, None] * rows
            by_column = weight[:, start + 1, None] * columns
        return by_row, by_column

    def _other_layers(self, hidden: Tensor) -> Tensor:
        """Apply the layers after the first, as 1x1 convolutions, and tanh."""
        for index in range(1, len(self.layers)):
            layer = self._layer(index)
            hidden = F.conv2d(F.relu(hidden), layer.weight[:, :, None, None], layer.bias)
        return torch.tanh(hidden)

    def _layer(self, index: int) -> nn.Linear:
        return cast(nn.Linear, self.layers[index])  # the constructor adds no other kind


def _slices(length: int, longest: int) -> list[slice]:
    return [slice(start, min(start + longest, length)) for start in range(0, length, longest)]
