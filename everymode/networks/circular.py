"""Convolutions with circular padding, at little more than the cost of zero padding.

`F.pad(mode="circular")` costs about as much as the convolution after it. Here the forward is one allocation and a few
copies of slices, and the backward adds the borders to the rows and columns that they were copied from. A leaky ReLU
before the padding can be part of the same pass, which saves one tensor of the map's size in forward and in backward.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

Around = tuple[int, int, int, int]
"""Numbers of columns added on the left and right, and of rows added at the top and bottom, as for torch's F.pad."""


def circular_pad(x: Tensor, around: Around) -> Tensor:
    """Pad [B, C, H, W] periodically to [B, C, top + H + bottom, left + W + right], in x's memory format.

    The result equals `F.pad(x, around, mode="circular")` in values and in gradients of every order.

    Args:
        x: [B, C, H, W].
        around: (left, right, top, bottom), each at most the map's size in that dimension.
    Raises:
        ValueError: if a side of the padding exceeds the map.
    """
    _require_padding_within_map(x, around)
    return _Pad.apply(x, around) if any(around) else x


def leaky_relu_circular_pad(x: Tensor, around: Around, *, negative_slope: float) -> Tensor:
    """Apply a leaky ReLU, then `circular_pad`: equal in values and in gradients of every order, in fewer passes.

    Args:
        x: [B, C, H, W].
        around: as in `circular_pad`.
        negative_slope: 0 (ReLU) or more.
    Raises:
        ValueError: if a side of the padding exceeds the map.
    """
    _require_padding_within_map(x, around)
    return _LeakyPad.apply(x, around, negative_slope) if any(around) else F.leaky_relu(x, negative_slope)


class CircularConv2d(nn.Conv2d):
    """A convolution with circular padding: [B, C, H, W] -> [B, out, H', W'].

    Its parameters have the names that they have in torch's Conv2d, and its outputs the sizes of zero padding.

    Args:
        arguments: positional arguments of torch's Conv2d.
        negative_slope: slope of a leaky ReLU of the input, applied together with the padding; None for no activation.
        options: keyword arguments of torch's Conv2d, except `padding_mode`.
    Raises:
        ValueError: if the slope is negative; in `forward`, if the padding exceeds the map.
    """

    def __init__(self, *arguments: Any, negative_slope: float | None = None, **options: Any) -> None:
        super().__init__(*arguments, padding_mode="circular", **options)
        if negative_slope is not None and negative_slope < 0:
            raise ValueError(
                f"negative_slope is {negative_slope}; it must be at least 0 (ReLU), or None for no activation"
            )
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        device = input.device.type
        # Tensors without values ("meta") have no autocast to query.
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            # The convolution would cast anyway; casting first halves the bytes that the padding copies.
            input = input.to(torch.get_autocast_dtype(device))
        around = self.around(input.shape[2], input.shape[3])
        if self.negative_slope is None:
            padded = circular_pad(input, around)
        else:
            padded = leaky_relu_circular_pad(input, around, negative_slope=self.negative_slope)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def acts_on(self, x: Tensor) -> Tensor:
        """Return the input of the convolution before padding: this layer's input x, after the activation."""
        return x if self.negative_slope is None else F.leaky_relu(x, self.negative_slope)

    def around(self, height: int, width: int) -> Around:
        """Return the padding of a map of this size, without the last rows and columns, which the stride skips."""
        left, right, top, bottom = self._reversed_padding_repeated_twice
        skipped = [
            (length + before + after - (size - 1) * dilation - 1) % stride
            for length, before, after, size, dilation, stride in (
                (height, top, bottom, self.kernel_size[0], self.dilation[0], self.stride[0]),
                (width, left, right, self.kernel_size[1], self.dilation[1], self.stride[1]),
            )
        ]
        return left, max(0, right - skipped[1]), top, max(0, bottom - skipped[0])

    def extra_repr(self) -> str:
        activation = "" if self.negative_slope is None else f", negative_slope={self.negative_slope}"
        return super().extra_repr() + activation


class _Context(FunctionCtx):
    """Type of the contexts of the functions below."""

    around: Around
    negative_slope: float
    saved_tensors: tuple[Tensor, ...]


class _Pad(torch.autograd.Function):
    """x -> padded x. `_Pad` and `_Fold` are adjoint to each other, so both are differentiable to any order."""

    @staticmethod
    def forward(ctx: _Context, x: Tensor, around: Around) -> Tensor:
        ctx.around = around
        left, right, top, bottom = around
        batch, channels, height, width = x.shape
        shape = (batch, channels, top + height + bottom, left + width + right)
        padded = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_memory_format(x))
        rows = padded[:, :, top : top + height]
        rows[..., left : left + width] = x
        if left:
            rows[..., :left] = x[..., width - left :]
        if right:
            rows[..., left + width :] = x[..., :right]
        if top:
            padded[:, :, :top] = padded[:, :, height : height + top]
        if bottom:
            padded[:, :, top + height :] = padded[:, :, top : top + bottom]
        return padded

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Fold.apply(gradients[0], ctx.around), None


class _Fold(torch.autograd.Function):
    """[B, C, top + H + bottom, left + W + right] -> [B, C, H, W]: adds each border to the entries it comes from."""

    @staticmethod
    def forward(ctx: _Context, padded: Tensor, around: Around) -> Tensor:
        ctx.around = around
        left, right, top, bottom = around
        height, width = padded.shape[2] - top - bottom, padded.shape[3] - left - right
        x = padded[:, :, top : top + height, left : left + width].clone(memory_format=_memory_format(padded))
        pieces = product(_pieces(top, height, bottom), _pieces(left, width, right))
        next(pieces)  # the image itself
        for (rows, onto_rows), (columns, onto_columns) in pieces:
            x[:, :, onto_rows, onto_columns] += padded[:, :, rows, columns]
        return x

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Pad.apply(gradients[0], ctx.around), None


class _LeakyPad(torch.autograd.Function):
    """x -> padded leaky ReLU of x; forward and backward activate the fresh results of `_Pad` and `_Fold` in place."""

    @staticmethod
    def forward(ctx: _Context, x: Tensor, around: Around, negative_slope: float) -> Tensor:
        padded = F.leaky_relu_(_Pad.apply(x, around), negative_slope)
        ctx.around, ctx.negative_slope = around, negative_slope
        # The result has the signs of the input, which need not be saved; the convolution saves the result anyway.
        ctx.save_for_backward(padded)
        return padded

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, None, None]:
        left, right, top, bottom = ctx.around
        (padded,) = ctx.saved_tensors
        inside = padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]
        folded = _Fold.apply(gradients[0], ctx.around)
        if torch.is_grad_enabled():  # the gradient will be differentiated
            return torch.where(inside > 0, folded, ctx.negative_slope * folded), None, None
        slopes = torch.ops.aten.leaky_relu_backward.grad_input
        return slopes(folded, inside, ctx.negative_slope, True, grad_input=folded), None, None


def _require_padding_within_map(x: Tensor, around: Around) -> None:
    left, right, top, bottom = around
    height, width = x.shape[2:]
    if max(left, right) > width or max(top, bottom) > height:
        raise ValueError(
            f"a map of {height} x {width} can't be padded by {top} + {bottom} rows and {left} + {right} columns: each "
            "side takes at most the map's size; use a smaller kernel or fewer halvings"
        )


def _pieces(before: int, length: int, after: int) -> list[tuple[slice, slice]]:
    """Return (slice of the padded side, slice of the image) of the image itself, then of the strips around it."""
    strips = [(slice(before, before + length), slice(length))]
    if before:
        strips.append((slice(before), slice(length - before, length)))
    if after:
        strips.append((slice(before + length, before + length + after), slice(after)))
    return strips


def _memory_format(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
