"""What can be proved of a partitioner: how much its features stretch every distance at least, and its guide's gradient.

Partition-Guided GAN, theorem 3: where ||h(x) - h(y)|| >= c0 ||x - y|| on the whole space and the logits are W h + b with
independent rows of W, the guide sum_j relu(s_j - s_c) has no false valley and a gradient bounded below outside its part.
A residual block x + T(x) stretches by at least 1 - Lip(T); a chain of blocks by the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from everymode.partitioner.constrained import ConstrainedConv2d, ConstrainedLinear
from everymode.partitioner.network import InvertibleLinear, Partitioner, SmoothLeakyReLU
from everymode.partitioner.residual import DenseResidualBlock, ResidualBlock, Squeeze

__all__ = ["Certificate", "certify", "converged_norm", "norm_bound"]

ConstrainedLayer = ConstrainedConv2d | ConstrainedLinear


class Certificate(NamedTuple):
    """What `certify` found."""

    lower_bound: float
    """c0: ||h(x) - h(y)|| >= c0 ||x - y|| for all x and y. 0 where nothing is guaranteed."""
    estimate: float
    """The same from converged power iterations in place of upper bounds; equal to it, but for rounding, where padding is
    circular. Power iterations come from below, so this one may be too large by their last error."""
    read_out_singular_value: float
    """The smallest singular value of the read-out [K, F]; 0 where K > F."""
    gradient_bound: float
    """sqrt(2) * c0 * that value: the guide's gradient (summed over classes) is at least as long wherever it is positive."""
    reason: str
    """Why nothing is guaranteed, or empty."""


def certify(partitioner: Partitioner) -> Certificate:
    """Lower bounds on the partitioner in evaluation mode, computed in float64 from the weights that act.

    With R(x) = sum_j relu(s_j - s_c) and S the classes that beat c at x, the gradient in feature space is W^T a with
    a = 1_S - |S| e_c, whose length is at least sqrt(2) times W's smallest singular value; c0 carries it to x.
    With more parts than features (points in the plane) that value is 0. The guide then still has no false valleys, since
    it is convex in the features and h is a homeomorphism, as long as the part is not empty.
    """
    mode = partitioner.training
    partitioner.eval()
    try:
        with torch.no_grad():
            bound, reason = _stretch(partitioner.body, norm_bound)
            estimate, _ = _stretch(partitioner.body, converged_norm)
            weight = partitioner.read_out.weight.double()
            smallest = 0.0
            if weight.shape[0] <= weight.shape[1]:
                smallest = float(torch.linalg.svdvals(weight)[-1])
    finally:
        partitioner.train(mode)
    return Certificate(bound, estimate, smallest, math.sqrt(2) * bound * smallest, reason)


def norm_bound(layer: ConstrainedLayer) -> float:
    """A spectral norm that the layer certainly does not exceed.

    Exact for linear layers, 1x1 kernels and circular padding (the largest singular value of the kernel's [out, in]
    matrices over all frequencies). A convolution padded with zeros is a part of the circular one on a grid that is larger
    by the padding, so that one's norm bounds it.
    """
    weight = layer.constrained_weight().detach().double()
    if weight.ndim == 2 or weight.shape[-1] == 1:
        return float(torch.linalg.matrix_norm(weight.flatten(1), 2))
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
