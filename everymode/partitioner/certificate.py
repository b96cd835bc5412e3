"""Provable lower bounds for a partitioner: on how far its features stretch distances, and on the guide's gradient.

Partition-Guided GAN, theorem 3: if ||h(x) - h(y)|| >= c0 ||x - y|| on the whole space and the logits are W h + b with
linearly independent rows of W, then the guide sum_j relu(s_j - s_c) has no local minimum outside its part, and there
its gradient is bounded below. A residual block x + T(x) stretches distances by at least 1 - Lip(T); a chain of blocks
by at least the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear
from everymode.partitioner.invertible import InvertibleLinear, SmoothLeakyReLU
from everymode.partitioner.residual import DenseResidualBlock, ResidualBlock, Squeeze

__all__ = ["Certificate", "certify", "converged_norm", "norm_bound"]

MOST_DENSE = 2**21
"""Largest number of elements of a layer's dense matrix whose norm is computed directly."""

ConstrainedLayer = ConstrainedConv2d | ConstrainedLinear


class Certificate(NamedTuple):
    """Lower bounds that hold for a partitioner."""

    lower_bound: float
    """c0: ||h(x) - h(y)|| >= c0 ||x - y|| for all x and y; 0 if nothing is guaranteed."""
    estimate: float
    """c0 computed from converged power iterations instead of upper bounds; equal to `lower_bound` for circular padding.
    Power iteration approaches a norm from below, so this value may be too large by its remaining error."""
    read_out_singular_value: float
    """Smallest singular value of the read-out [K, F]; 0 if K > F."""
    gradient_bound: float
    """sqrt(2) c0 times that singular value. If it is positive, the guide's gradient (of the sum over classes) is at
    least this long everywhere outside the part."""
    reason: str
    """Reason why nothing is guaranteed; empty if `lower_bound` is positive."""


def certify(body: nn.Module, read_out: nn.Linear) -> Certificate:
    """Return lower bounds for a partitioner in eval mode, computed in float64 from the constrained weights.

    Let R(x) = sum_j relu(s_j - s_c), and let S be the classes with a larger logit than c at x. The gradient of R with
    respect to the features is W^T a with a = 1_S - |S| e_c. Outside the part |S| >= 1, so ||a||^2 = |S| + |S|^2 >= 2,
    and the gradient is at least sqrt(2) times W's smallest singular value long; the gradient with respect to x, at
    least c0 times that. With more parts than features (points in the plane) the singular value is 0. Even then the
    guide has no local minimum outside a part that is not empty: R is convex in the features, and h is a homeomorphism.
    """
    mode = body.training
    body.eval()
    try:
        with torch.no_grad():
            bound, reason = _stretch(body, norm_bound)
            estimate, _ = _stretch(body, converged_norm)
            weight = read_out.weight
            smallest = float(_singular_values(weight)[-1]) if weight.shape[0] <= weight.shape[1] else 0.0
    finally:
        body.train(mode)
    return Certificate(bound, estimate, smallest, math.sqrt(2) * bound * smallest, reason)


def norm_bound(layer: ConstrainedLayer) -> float:
    """Return an upper bound on the layer's spectral norm.

    The bound is exact for linear layers, 1x1 kernels, circular padding (the largest singular value of the kernel's
    matrix over all frequencies), and layers whose dense matrix has at most 2 ** 21 elements. A larger convolution with
    zero padding is a restriction of the circular convolution on a grid enlarged by the padding, whose norm bounds it.
    """
    weight = layer.constrained_weight().detach().double()
    if isinstance(layer, ConstrainedLinear) or weight.shape[-1] == 1:
        return float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    cells = layer.grid[0] * layer.grid[1]
    if not layer.circular and weight.shape[0] * weight.shape[1] * cells**2 <= MOST_DENSE:
        inputs = weight.shape[1] * cells
        units = torch.eye(inputs, dtype=weight.dtype, device=weight.device)
        images = layer.convolve(units.view(inputs, weight.shape[1], *layer.grid), weight)
        return float(torch.linalg.matrix_norm(images.flatten(1), 2))
    size = weight.shape[-1]
    padding = 0 if layer.circular else size // 2
    height, width = (side + padding for side in layer.grid)
    # A kernel larger than the grid wraps around.
    kernel = torch.zeros(*weight.shape[:2], height, width, dtype=weight.dtype, device=weight.device)
    for row in range(size):
        for column in range(size):
            kernel[:, :, row % height, column % width] += weight[:, :, row, column]
    responses = torch.fft.fft2(kernel).flatten(2).permute(2, 0, 1)
    return float(torch.linalg.matrix_norm(responses, 2).max())


def converged_norm(layer: ConstrainedLayer, *, tolerance: float = 1e-9, most: int = 2000) -> float:
    """Estimate the layer's spectral norm from below by power iteration in float64.

    Args:
        tolerance: the iteration stops once a step changes the estimate by at most this fraction.
        most: maximum number of steps.
    """
    weight = layer.constrained_weight().detach().double()
    if isinstance(layer, ConstrainedLinear) or weight.shape[-1] == 1:
        return float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    mirrored = weight.transpose(0, 1).flip((2, 3))
    x = torch.randn(layer.u.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x.to(weight.device)
    sigma = 0.0
    for _ in range(most):
        y = layer.convolve(x / x.norm(), weight)
        before, sigma = sigma, float(y.norm())
        if sigma == 0 or abs(sigma - before) <= tolerance * sigma:
            break
        x = layer.convolve(y, mirrored)
    return sigma


def _stretch(body: nn.Module, norm: Callable[[ConstrainedLayer], float]) -> tuple[float, str]:
    """Return the smallest factor by which a body stretches distances, and the reason if it is 0."""
    factor = 1.0
    for layer in body if isinstance(body, nn.Sequential) else [body]:
        if isinstance(layer, (Squeeze, nn.Flatten, nn.Identity)):
            continue
        if isinstance(layer, (ResidualBlock, DenseResidualBlock)):
            # Residual branches hold constrained layers only, which a ModuleList can't express.
            lipschitz = math.prod(norm(cast(ConstrainedLayer, each)) for each in layer.layers)
            if lipschitz >= 1:
                return 0.0, f"a residual branch may stretch by {lipschitz:.3g}; it must stay below 1"
            factor *= 1 - lipschitz
        elif isinstance(layer, InvertibleLinear):
            factor *= float(_singular_values(layer.weight)[-1])
        elif isinstance(layer, SmoothLeakyReLU):
            factor *= layer.slope
        else:
            return 0.0, f"{type(layer).__name__} may map different inputs to the same output"
    return factor, ""


def _singular_values(weight: Tensor) -> Tensor:
    return torch.linalg.svdvals(weight.double())
