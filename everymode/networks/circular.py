"""Convolutions with circular padding, at little more than the cost of zero padding.

`F.pad(mode="circular")` costs about as much as the convolution after it. Here the forward is one allocation and a
few copies of slices, and the backward adds the borders onto the rows and columns that they were copied from. A leaky
ReLU before the padding can be part of the same pass, which saves one tensor of the map's size in either direction.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

Around = tuple[int, int, int, int]
"""Rows or columns added left, right, at the top and at the bottom: the order of torch's F.pad."""


def circular_pad(x: Tensor, around: Around) -> Tensor:
    """Continues [B, C, H, W] periodically: [B, C, top + H + bottom, left + W + right], in x's memory format.

    Equal to `F.pad(x, around, mode="circular")` in values and in gradients of every order.

    Raises ValueError if a side gets more than the image has.
    """
    _require_once_around(x, around)
    return _Pad.apply(x, around) if any(around) else x


def leaky_relu_circular_pad(x: Tensor, around: Around, *, negative_slope: float) -> Tensor:
    """Leaky ReLU, then `circular_pad`: equal in values and in gradients of every order, in fewer passes.

    Args:
        negative_slope: 0 (ReLU) or more.
    Raises:
        ValueError: a side gets more than the image has.
    """
    _require_once_around(x, around)
    return _LeakyPad.apply(x, around, negative_slope) if any(around) else F.leaky_relu(x, negative_slope)


class CircularConv2d(nn.Conv2d):
    """A convolution whose input is continued periodically: [B, C, H, W] -> [B, out, H', W'].

    Arguments as torch's Conv2d, but for `padding_mode`; parameters have the same names. The sizes of outputs are
    those of zero padding. Raises ValueError in forward if the padding exceeds the map.

    Args:
        negative_slope: the input goes through a leaky ReLU of this slope first, together with the padding; None
            for no activation.
    """

    def __init__(self, *arguments: Any, negative_slope: float | None = None, **options: Any) -> None:
        super().__init__(*arguments, padding_mode="circular", **options)
        if negative_slope is not None and negative_slope < 0:
            raise ValueError(f"negative_slope is {negative_slope}; it must be 0 (ReLU) or more, or None")
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        device = x.device.type
        # Tensors without values ("meta") have no autocast to ask about.
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            # Padding then copies half as many bytes; the convolution would cast anyway.
            x = x.to(torch.get_autocast_dtype(device))
        around = self.around(x.shape[2], x.shape[3])
        if self.negative_slope is None:
            padded = circular_pad(x, around)
        else:
            padded = leaky_relu_circular_pad(x, around, negative_slope=self.negative_slope)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def acts_on(self, x: Tensor) -> Tensor:
        """What of this layer's input the convolution itself sees: the activated one, before the padding."""
        return x if self.negative_slope is None else F.leaky_relu(x, self.negative_slope)

    def around(self, height: int, width: int) -> Around:
        """What is added to a map of this size: the padding, without the last rows and columns that a stride skips."""
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


class _Pad(torch.autograd.Function):
    """x -> x continued. Its adjoint is `_Fold`, whose adjoint it is, so both differentiate to any order."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, around: Around) -> Tensor:
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
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return _Fold.apply(gradient, ctx.around), None


class _Fold(torch.autograd.Function):
    """[B, C, top + H + bottom, left + W + right] -> [B, C, H, W]: every border added to where it came from."""

    @staticmethod
    def forward(ctx: FunctionCtx, padded: Tensor, around: Around) -> Tensor:
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
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return _Pad.apply(gradient, ctx.around), None


class _LeakyPad(torch.autograd.Function):
    """x -> leaky ReLU of x, continued. Both directions activate in place what `_Pad` and `_Fold` have just made."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, around: Around, negative_slope: float) -> Tensor:
        padded = F.leaky_relu_(_Pad.apply(x, around), negative_slope)
        ctx.around, ctx.negative_slope = around, negative_slope
        # The signs are those of the input, which need not be kept; the convolution keeps the result anyway.
        ctx.save_for_backward(padded)
        return padded

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
        left, right, top, bottom = ctx.around
        (padded,) = ctx.saved_tensors
        inside = padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]
        folded = _Fold.apply(gradient, ctx.around)
        if torch.is_grad_enabled():  # it will be differentiated in its turn
            return torch.where(inside > 0, folded, ctx.negative_slope * folded), None, None
        slopes = torch.ops.aten.leaky_relu_backward.grad_input
        return slopes(folded, inside, ctx.negative_slope, True, grad_input=folded), None, None


def _require_once_around(x: Tensor, around: Around) -> None:
    left, right, top, bottom = around
    height, width = x.shape[2:]
    if max(left, right) > width or max(top, bottom) > height:
        raise ValueError(
            f"a map of {height} x {width} can't be continued by {top} + {bottom} rows and {left} + {right} "
            "columns: at most once around; use a smaller kernel or fewer halvings"
        )


def _pieces(before: int, length: int, after: int) -> list[tuple[slice, slice]]:
    """One side cut into the image, then the strips around it: where each lies, and what of the image it continues."""
    strips = [(slice(before, before + length), slice(length))]
    if before:
        strips.append((slice(before), slice(length - before, length)))
    if after:
        strips.append((slice(before + length, before + length + after), slice(after)))
    return strips


def _memory_format(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
