"""Layers whose spectral norm is held at or below a limit c: what keeps a residual block x + T(x) from folding space.

Behrmann, Grathwohl, Chen, Duvenaud and Jacobsen 2019, "Invertible Residual Networks", and Partition-Guided GAN, section
4.2. The bound is soft: W / max(1, sigma / c), so a weight below the limit is left alone. The released code divides by
max(1, sigma / c) + 1e-5 where the kernel is larger than 1x1; we do not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.precision import full_precision

_EPSILON = 1e-12
FIRST_ITERATIONS = 20


class ConstrainedConv2d(nn.Module):
    """A convolution of stride 1 that keeps its grid, with spectral norm at most `limit` as far as power iteration sees.

    The norm is that of the whole padded convolution on the grid that the layer acts on, not of the reshaped kernel.
    Training mode moves the stored vectors u (input) and v (output) on; evaluation mode uses them and changes nothing.
    Both are constants for the gradient, which flows through sigma = <v, W u>.

    Args:
        grid: height and width of the images that it acts on.
        kernel_size: odd; 1 makes the estimate that of the [out, in] matrix.
        circular: pad by wrapping around, for which the exact norm is known (everymode/partitioner/certificate.py);
            else with zeros, as the released code does.
        iterations: power iterations per training forward.
    """

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
        self.weight, self.bias = nn.Parameter(like.weight.detach()), nn.Parameter(like.bias.detach())
        place = (1, 1) if kernel_size == 1 else self.grid
        self.register_buffer("u", _unit(torch.randn(1, in_channels, *place)))
        self.register_buffer("v", _unit(torch.randn(1, out_channels, *place)))
        _settle(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.constrained_weight(), self.bias)

    def constrained_weight(self) -> Tensor:
        """The weight that acts, [out, in, k, k]."""
        return _bounded(self)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """A convolution of this layer's padding with another kernel."""
        padding = weight.shape[-1] // 2
        if self.circular and padding:
            return F.conv2d(F.pad(x, (padding,) * 4, mode="circular"), weight, bias)
        return F.conv2d(x, weight, bias, padding=padding)

    def apply_weight(self, u: Tensor) -> Tensor:
        """The stored weight, without limit and bias."""
        return self.convolve(u, self.weight)

    def apply_transposed(self, v: Tensor) -> Tensor:
        """The adjoint of `apply_weight`: kernel turned by half a turn, channels exchanged, the same padding."""
        return self.convolve(v, self.weight.transpose(0, 1).flip((2, 3)))

    def extra_repr(self) -> str:
        out, ins, size, _ = self.weight.shape
        padding = "circular" if self.circular else "zeros"
        return f"{ins}, {out}, kernel_size={size}, grid={self.grid}, limit={self.limit}, padding={padding}"


class ConstrainedLinear(nn.Module):
    """A linear layer with spectral norm at most `limit`, by the same estimate as ConstrainedConv2d."""

    def __init__(self, in_features: int, out_features: int, *, limit: float, iterations: int = 5) -> None:
        super().__init__()
        _require_limit(limit)
        self.limit, self.iterations = limit, iterations
        like = nn.Linear(in_features, out_features)
        self.weight, self.bias = nn.Parameter(like.weight.detach()), nn.Parameter(like.bias.detach())
        self.register_buffer("u", _unit(torch.randn(1, in_features)))
        self.register_buffer("v", _unit(torch.randn(1, out_features)))
        _settle(self)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.constrained_weight(), self.bias)

    def constrained_weight(self) -> Tensor:
        """The weight that acts, [out, in]."""
        return _bounded(self)

    def apply_weight(self, u: Tensor) -> Tensor:
        """The stored weight, without limit and bias."""
        return u @ self.weight.T

    def apply_transposed(self, v: Tensor) -> Tensor:
        """The adjoint of `apply_weight`."""
        return v @ self.weight

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, limit={self.limit}"


def _bounded(layer: ConstrainedConv2d | ConstrainedLinear) -> Tensor:
    with full_precision(layer.weight):
        if layer.training:
            _iterate(layer, layer.iterations)
        # Copies: a second forward before the backward pass would change what the graph keeps.
        u, v = (layer.u.clone(), layer.v.clone()) if layer.training else (layer.u, layer.v)
        sigma = (v * layer.apply_weight(u)).sum()
        return layer.weight / (sigma / layer.limit).clamp(min=1.0)


@torch.no_grad()
def _iterate(layer: ConstrainedConv2d | ConstrainedLinear, times: int) -> None:
    u, v = layer.u, layer.v
    for _ in range(times):
        v = _unit(layer.apply_weight(u))
        u = _unit(layer.apply_transposed(v))
    layer.u.copy_(u)
    layer.v.copy_(v)


def _settle(layer: ConstrainedConv2d | ConstrainedLinear) -> None:
    """A fresh layer keeps its limit from the first forward on."""
    _iterate(layer, FIRST_ITERATIONS)


def _unit(x: Tensor) -> Tensor:
    return x / x.norm().clamp(min=_EPSILON)


def _require_limit(limit: float) -> None:
    if not limit > 0:
        raise ValueError(
            f"the limit of a spectral norm is {limit}; give a positive one, below 1 for residual blocks"
        )
