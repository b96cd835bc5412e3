"""Operator norms of convolutions, and weight rules that divide by them.

The norm is either exact, for circular padding, or estimated by power iteration through the convolution itself. Exact:
Sedghi, Gupta and Long 2018, "The Singular Values of Convolutional Layers". Through the convolution: Gouk et al. 2018,
"Regularization of Neural Networks by Enforcing Lipschitz Continuity". `spectral_norm` divides by the norm of the
reshaped kernel instead, which is smaller, typically by a factor of 2 to 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.norms.normalizable import Convolution, Normalizable, dilation_of
from everymode.norms.refreshed import RefreshedNorm
from everymode.norms.spectral import spectral_norm
from everymode.norms.spectrum import CHUNK_BYTES, fourier_basis
from everymode.norms.weight import Grid, WeightRule, as_grid

_FIRST_ITERATIONS = 20
"""Minimum number of power iterations when a layer is first normalized, starting from a random image."""


@torch.no_grad()
def operator_norm(
    weight: Tensor, grid: Grid, *, dilation: tuple[int, int] = (1, 1), groups: int = 1
) -> Tensor:
    """Return the largest singular value of a convolution with circular padding and stride 1: exact, for diagnosis.

    It builds one matrix [out, in] per frequency of half the plane, and computes its largest singular value from the
    smaller Gram matrix, in double precision. For a strided convolution the result is an upper bound. A layer of 64
    channels at 32 x 32 takes seconds.

    Args:
        weight: [out, in / groups, kh, kw], or a matrix [out, in].
        grid: (H, W) of the input, before padding; ignored for a matrix.
        dilation: of the convolution, (vertical, horizontal).
        groups: of the convolution.
    Returns:
        A scalar of the weight's precision (float32 for half precisions and whole numbers), without gradient.
    Raises:
        ValueError: if the weight has another shape, or the grid is no pair.
    """
    half_or_whole = weight.element_size() == 2 or not weight.is_floating_point()
    precision = torch.float32 if half_or_whole else weight.dtype
    if weight.dim() == 2:
        return torch.linalg.matrix_norm(weight.double(), 2).to(precision)
    if weight.dim() != 4 or weight.numel() == 0:
        raise ValueError(
            f"the weight has shape {list(weight.shape)}; operator_norm takes [out, in, kh, kw], or a matrix [out, in]"
        )
    grid = as_grid(grid)
    basis = fourier_basis(weight, grid, dilation)
    kernels = weight.to(basis[0].dtype).flatten(2).unflatten(0, (groups, -1))
    step = max(1, CHUNK_BYTES // (16 * weight.shape[0] * weight.shape[1]))
    largest = []
    for cosine, sine in zip(basis[0].split(step, 1), basis[1].split(step, 1), strict=True):
        matrices = torch.complex(kernels @ cosine, kernels @ sine).permute(0, 3, 1, 2)
        if matrices.shape[2] < matrices.shape[3]:
            matrices = matrices.mH
        largest.append(torch.linalg.eigvalsh(matrices.mH @ matrices)[..., -1].amax())
    return torch.stack(largest).amax().clamp_min(0).sqrt().to(precision)


def convolution_spectral_norm(
    *,
    iterations: int = 1,
    gain: float = 1.0,
    interval: int = 1,
    differentiate: bool = True,
    linear: WeightRule | None = None,
    epsilon: float = 1e-12,
) -> WeightRule:
    """Return a weight rule that divides each convolution by its operator norm, stride and padding included.

    The estimate comes from power iteration on an image of the layer's input size, through the convolution as it runs
    (zero, circular or other padding; a fused resampling counts as the plain convolution it stands for). It is updated
    once per change of the weights.

    Args:
        iterations: power iterations per measurement; the first measurement takes at least 20.
        gain: as in `sparsity_aware_norm`, but a number.
        interval: as in `sparsity_aware_norm`.
        differentiate: let the gradient flow through sigma, with its two singular vectors held constant.
        linear: rule for linear layers and embeddings; default: `spectral_norm(iterations=iterations)`.
        epsilon: as in `sparsity_aware_norm`.
    Raises:
        ValueError: if `iterations` is below 1. The rule raises one if `gain` or `interval` is out of range.
    """
    if iterations < 1:
        raise ValueError(
            f"iterations is {iterations}; convolution_spectral_norm needs at least one power iteration"
        )
    for_others = spectral_norm(iterations=iterations) if linear is None else linear

    def rule(layer: Normalizable, grid: Grid) -> nn.Module | None:
        if not isinstance(layer, Convolution):
            return for_others(layer, grid)
        return ConvolutionSpectralNorm(
            layer,
            grid,
            iterations=iterations,
            gain=gain,
            interval=interval,
            differentiate=differentiate,
            epsilon=epsilon,
        )

    return rule


def exact_spectral_norm(*, gain: float = 1.0, interval: int = 1, epsilon: float = 1e-12) -> WeightRule:
    """Return a weight rule that divides every layer by its exact operator norm (see `operator_norm`).

    The norm is computed once per change of the weights, and is a constant for the gradient. The rule is meant for
    experiments: it costs far more than a training step.

    Args:
        gain: as in `sparsity_aware_norm`, but a number.
        interval: as in `sparsity_aware_norm`.
        epsilon: as in `sparsity_aware_norm`.
    """

    def rule(layer: Normalizable, grid: Grid) -> nn.Module:
        return ExactSpectralNorm(layer, grid, gain=gain, interval=interval, epsilon=epsilon)

    return rule


class ConvolutionSpectralNorm(RefreshedNorm):
    """The parametrization behind `convolution_spectral_norm`, with the same arguments."""

    right: Tensor
    """[1, in, H, W], right singular vector, of length 1."""
    left: Tensor
    """[1, out, H', W'], left singular vector, of length 1."""

    def __init__(
        self,
        layer: Convolution,
        grid: Grid,
        *,
        iterations: int = 1,
        gain: float = 1.0,
        interval: int = 1,
        differentiate: bool = True,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__(layer, grid, gain=gain, interval=interval, epsilon=epsilon)
        self.iterations = iterations
        self.differentiate = differentiate
        # A transposed convolution has the norm of its adjoint, the plain convolution with the same weight.
        self.geometry = (layer.stride, layer.dilation, layer.groups)
        self.padding = layer.padding
        self.padding_mode = layer.padding_mode
        self.around = tuple(layer._reversed_padding_repeated_twice) if isinstance(layer, nn.Conv2d) else ()
        self.register_buffer("right", torch.empty(0, dtype=self.sigma.dtype, device=layer.weight.device))
        self.register_buffer("left", torch.empty_like(self.right))
        self.start(layer.weight)

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the layer's linear map of [1, in, H, W], without bias."""
        stride, dilation, groups = self.geometry
        if self.padding_mode == "zeros":
            return F.conv2d(x, weight, None, stride, self.padding, dilation, groups)
        return F.conv2d(F.pad(x, self.around, self.padding_mode), weight, None, stride, 0, dilation, groups)

    def measure(self, weight: Tensor) -> Tensor:
        weight = weight.to(self.sigma.dtype)
        shape = (1, weight.shape[1] * self.geometry[2], *self._grid)
        iterations, right = self.iterations, self.right
        if right.shape != shape:
            # Drawn on the CPU from a fixed seed, so that all devices and ranks start from the same image.
            right = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(self.right)
            iterations = max(_FIRST_ITERATIONS, iterations)
        right, left = self._iterate_once(right, weight)
        for _ in range(iterations - 1):
            right, left = self._iterate_once(right, weight)
        sigma = torch.linalg.vector_norm(right)
        self.right, self.left = right / sigma.clamp_min(self.epsilon), left
        return sigma

    def _iterate_once(self, right: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return W^T left and left = W right / ||W right||, for the normalized `right` of [1, in, H, W]."""
        with torch.enable_grad():
            right = F.normalize(right.flatten(), dim=0, eps=self.epsilon).view(right.shape).requires_grad_()
            response = self.convolve(right, weight)
        left = response.detach() / torch.linalg.vector_norm(response.detach()).clamp_min(self.epsilon)
        (right,) = torch.autograd.grad(response, right, left)
        return right, left

    def sigma_of(self, weight: Tensor) -> Tensor:
        return (self.left * self.convolve(self.right, weight.to(self.sigma.dtype))).sum()

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *arguments: object, **keywords: object
    ) -> None:
        for name in ("right", "left"):
            if f"{prefix}{name}" in state_dict:
                # Their size is that of the last grid, which may differ from the one at construction.
                shape = state_dict[f"{prefix}{name}"].shape
                setattr(self, name, getattr(self, name).new_empty(shape))
        super()._load_from_state_dict(state_dict, prefix, *arguments, **keywords)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, iterations={self.iterations}"


class ExactSpectralNorm(RefreshedNorm):
    """The parametrization behind `exact_spectral_norm`, with the same arguments."""

    def __init__(
        self,
        layer: Normalizable,
        grid: Grid,
        *,
        gain: float = 1.0,
        interval: int = 1,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__(layer, grid, gain=gain, interval=interval, epsilon=epsilon)
        self.dilation = dilation_of(layer)
        self.groups = layer.groups if isinstance(layer, Convolution) else 1
        self.start(layer.weight)

    def measure(self, weight: Tensor) -> Tensor:
        return operator_norm(weight, self._grid, dilation=self.dilation, groups=self.groups)
