"""What can be proved of a partitioner: the least by which its features stretch distances, and its guide's gradient.

Partition-Guided GAN, theorem 3: where ||h(x) - h(y)|| >= c0 ||x - y|| on the whole space and the logits are W h + b
with independent rows of W, the guide sum_j relu(s_j - s_c) has no false valley, and a gradient bounded below outside
its part. A residual block x + T(x) stretches by at least 1 - Lip(T); a chain of blocks by the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear
from everymode.partitioner.invertible import InvertibleLinear, SmoothLeakyReLU
from everymode.partitioner.residual import DenseResidualBlock, ResidualBlock, Squeeze

__all__ = ["Certificate", "certify", "converged_norm", "norm_bound"]

MOST_DENSE = 2**21
"""Numbers of a matrix whose norm is taken as a whole."""

ConstrainedLayer = ConstrainedConv2d | ConstrainedLinear


class Certificate(NamedTuple):
    """What `certify` found."""

    lower_bound: float
    """c0: ||h(x) - h(y)|| >= c0 ||x - y|| for all x and y. 0 where nothing is guaranteed."""
    estimate: float
    """The same from converged power iterations in place of upper bounds: equal to it where padding is circular. Power
    iterations come from below, so this one may be too large by their last error."""
    read_out_singular_value: float
    """The smallest singular value of the read-out [K, F]; 0 where K > F."""
    gradient_bound: float
    """sqrt(2) c0 times that value: the guide's gradient (summed over classes) is at least as long where that is > 0."""
    reason: str
    """Why nothing is guaranteed, or empty."""


def certify(body: nn.Module, read_out: nn.Linear) -> Certificate:
    """Lower bounds on a partitioner in evaluation mode, computed in float64 from the weights that act.

    With R(x) = sum_j relu(s_j - s_c) and S the classes that beat c at x, the gradient in feature space is W^T a with
    a = 1_S - |S| e_c, whose length is at least sqrt(2) times W's smallest singular value; c0 carries it to x.
    With more parts than features (points in the plane) that value is 0. As long as the part is not empty, the guide
    has no false valleys even then, since it is convex in the features and h is a homeomorphism.
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
    """A spectral norm that the layer certainly does not exceed.

    Exact for linear layers, 1x1 kernels, circular padding (the largest singular value of the kernel's matrix over all
    frequencies), and wherever the whole layer is a matrix of at most 2 ** 21 numbers. A larger convolution padded with
    zeros is a part of the circular one on a grid that is larger by the padding, so that one's norm bounds it.
    """
    weight = layer.constrained_weight().detach().double()
    if weight.ndim == 2 or weight.shape[-1] == 1:
        return float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    cells = layer.grid[0] * layer.grid[1]
    if not layer.circular and weight.shape[0] * weight.shape[1] * cells**2 <= MOST_DENSE:
        inputs = weight.shape[1] * cells
        units = torch.eye(inputs, dtype=weight.dtype, device=weight.device)
        images = layer.convolve(units.view(inputs, weight.shape[1], *layer.grid), weight)
        return float(torch.linalg.matrix_norm(images.flatten(1), 2))
    size = weight.shape[-1]
    beyond = 0 if layer.circular else size // 2
    height, width = (side + beyond for side in layer.grid)
    # A kernel wider than the grid wraps around.
    kernel = torch.zeros(*weight.shape[:2], height, width, dtype=weight.dtype, device=weight.device)
    for row in range(size):
        for column in range(size):
            kernel[:, :, row % height, column % width] += weight[:, :, row, column]
    responses = torch.fft.fft2(kernel).flatten(2).permute(2, 0, 1)
    return float(torch.linalg.matrix_norm(responses, 2).max())


def converged_norm(layer: ConstrainedLayer, *, tolerance: float = 1e-9, most: int = 2000) -> float:
    """The layer's spectral norm by power iteration in float64, from below, until a step changes it by less than
    `tolerance` of itself (`most` steps at the utmost).
    """
    weight = layer.constrained_weight().detach().double()
    if weight.ndim == 2 or weight.shape[-1] == 1:
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
    """The least factor by which a body stretches distances, and why it is 0 if it is."""
    factor = 1.0
    for layer in body if isinstance(body, nn.Sequential) else [body]:
        if isinstance(layer, (Squeeze, nn.Flatten, nn.Identity)):
            continue
        if isinstance(layer, (ResidualBlock, DenseResidualBlock)):
            lipschitz = math.prod(norm(each) for each in layer.layers)
            if lipschitz >= 1:
                return 0.0, f"a residual branch may stretch by {lipschitz:.3g}, not less than 1"
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
