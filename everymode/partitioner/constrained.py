"""Layers whose spectral norm is held at or below a limit c, which makes a residual block x + T(x) invertible.

Behrmann, Grathwohl, Chen, Duvenaud and Jacobsen 2019, "Invertible Residual Networks", and Partition-Guided GAN, section
4.2. The bound is soft: the weight is W / max(1, sigma / c), so a weight below the limit stays unchanged. The released
code divides by max(1, sigma / c) + 1e-5 for kernels larger than 1x1; this code does not.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.precision import full_precision

_EPSILON = 1e-12
FIRST_ITERATIONS = 20
"""Power iterations of a freshly initialized layer."""


class ConstrainedConv2d(nn.Module):
    """A shape-preserving convolution of stride 1 whose spectral norm, estimated by power iteration, is at most `limit`.

    The norm is that of the whole padded convolution on the layer's grid, not of the reshaped kernel. In training mode
    each forward pass updates the stored vectors u (input) and v (output) by power iteration; in eval mode it uses them
    unchanged. Both are constants for the gradient, which flows through sigma = <v, W u>.

    Args:
        grid: height and width of the layer's input.
        kernel_size: odd; with 1 the estimated norm is that of the [out, in] matrix.
        limit: c, the largest spectral norm.
        circular: whether to pad circularly, for which the exact norm is known (everymode/partitioner/certificate.py);
            False pads with zeros, as the released code does.
        iterations: power iterations per forward pass in training mode.
    Raises:
        ValueError: if kernel_size is even or limit is not positive.
    """

    u: Tensor
    """[1, in, *grid] (or [1, in, 1, 1] for 1x1 kernels): the estimated first right singular vector, of length 1."""
    v: Tensor
    """[1, out, *grid] (or [1, out, 1, 1]): the left one."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        grid: tuple[int, int],
        limit: float,
        circular: bool = False,
        iterations: int = 5,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}; only odd kernels keep the grid: take 1 or 3")
        _require_limit(limit)
        self.grid, self.limit, self.circular, self.iterations = tuple(grid), limit, circular, iterations
        like = nn.Conv2d(in_channels, out_channels, kernel_size)
        bias = cast(Tensor, like.bias)  # Conv2d has one unless told otherwise
        self.weight, self.bias = nn.Parameter(like.weight.detach()), nn.Parameter(bias.detach())
        sides = (1, 1) if kernel_size == 1 else self.grid
        self.register_buffer("u", _unit(torch.randn(1, in_channels, *sides)))
        self.register_buffer("v", _unit(torch.randn(1, out_channels, *sides)))
        _iterate(self, FIRST_ITERATIONS)  # so that the limit holds from the first forward pass

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.constrained_weight(), self.bias)

    def constrained_weight(self) -> Tensor:
        """Return the weight scaled to the limit, [out, in, k, k]."""
        return _bounded(self)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve with another kernel, padded in this layer's way."""
        padding = weight.shape[-1] // 2
        if self.circular and padding:
            return F.conv2d(F.pad(x, (padding,) * 4, mode="circular"), weight, bias)
        return F.conv2d(x, weight, bias, padding=padding)

    def apply_weight(self, u: Tensor) -> Tensor:
        """Apply the stored weight, without limit and bias."""
        return self.convolve(u, self.weight)

    def apply_transposed(self, v: Tensor) -> Tensor:
        """Apply the adjoint of `apply_weight`: kernel rotated by 180 degrees, channels exchanged, the same padding."""
        return self.convolve(v, self.weight.transpose(0, 1).flip((2, 3)))

    def extra_repr(self) -> str:
        out, ins, size, _ = self.weight.shape
        padding = "circular" if self.circular else "zeros"
        return f"{ins}, {out}, kernel_size={size}, grid={self.grid}, limit={self.limit}, padding={padding}"


class ConstrainedLinear(nn.Module):
    """A linear layer whose spectral norm is at most `limit`, estimated like that of ConstrainedConv2d.

    Raises:
        ValueError: if limit is not positive.
    """

    u: Tensor
    """[1, in]: the estimated first right singular vector, of length 1."""
    v: Tensor
    """[1, out]: the left one."""

    def __init__(self, in_features: int, out_features: int, *, limit: float, iterations: int = 5) -> None:
        super().__init__()
        _require_limit(limit)
        self.limit, self.iterations = limit, iterations
        like = nn.Linear(in_features, out_features)
        self.weight, self.bias = nn.Parameter(like.weight.detach()), nn.Parameter(like.bias.detach())
        self.register_buffer("u", _unit(torch.randn(1, in_features)))
        self.register_buffer("v", _unit(torch.randn(1, out_features)))
        _iterate(self, FIRST_ITERATIONS)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.constrained_weight(), self.bias)

    def constrained_weight(self) -> Tensor:
        """Return the weight scaled to the limit, [out, in]."""
        return _bounded(self)

    def apply_weight(self, u: Tensor) -> Tensor:
        """Apply the stored weight, without limit and bias."""
        return u @ self.weight.T

    def apply_transposed(self, v: Tensor) -> Tensor:
        """Apply the adjoint of `apply_weight`."""
        return v @ self.weight

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, limit={self.limit}"


def _bounded(layer: ConstrainedConv2d | ConstrainedLinear) -> Tensor:
    with full_precision(layer.weight):
        if layer.training:
            _iterate(layer, layer.iterations)
        # Cloned, because a second forward before the backward pass would modify tensors saved in the graph.
        u, v = (layer.u.clone(), layer.v.clone()) if layer.training else (layer.u, layer.v)
        sigma = (v * layer.apply_weight(u)).sum()
        return layer.weight / (sigma / layer.limit).clamp(min=1.0)


@torch.no_grad()
def _iterate(layer: ConstrainedConv2d | ConstrainedLinear, times: int) -> None:
    u, v = layer.u, layer.v
    if u.is_meta:  # without values to iterate
        return
    for _ in range(times):
        v = _unit(layer.apply_weight(u))
        u = _unit(layer.apply_transposed(v))
    layer.u.copy_(u)
    layer.v.copy_(v)


def _unit(x: Tensor) -> Tensor:
    return x / x.norm().clamp(min=_EPSILON)


def _require_limit(limit: float) -> None:
    if not limit > 0:
        raise ValueError(
            f"the limit of a spectral norm is {limit}; it must be positive, and below 1 in residual blocks"
        )
