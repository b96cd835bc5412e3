"""PAPER: Sparsity-Aware Normalization (Kligvasser and Michaeli 2021, "Sparsity Aware Normalization for GANs").

A layer is divided by its largest gain from a signal in a single input channel to a single output channel: the largest
DFT modulus of all its kernels on the grid of its input (Lemma 1). On current PyTorch, the released code
(kligvasser/SANGAN) takes a norm over the last frequency axis instead of the modulus; `released_sigma` reproduces that.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from everymode.norms.normalizable import Convolution, Normalizable, dilation_of
from everymode.norms.refreshed import RefreshedNorm
from everymode.norms.spectral import spectral_norm
from everymode.norms.spectrum import (
    CHUNK_BYTES,
    LateFlag,
    Search,
    fourier_basis,
    kernels_at,
    moduli_squared,
    on_grid,
    rows_at_once,
    search,
    search_without_waiting,
)
from everymode.norms.subsets import compensation, random_subset, subset_size
from everymode.norms.weight import Grid, WeightRule, as_grid
from everymode.precision import at_least_float32

Sigma = Callable[[Tensor, Grid], Tensor]
"""(weight [out, in, kh, kw], grid) -> scalar tensor."""


def sparsity_aware_sigma(
    weight: Tensor, grid: Grid, *, pairs: Tensor | None = None, dilation: tuple[int, int] = (1, 1)
) -> Tensor:
    """Return the largest DFT modulus over all kernels, zero-padded to the grid (equation 8): exact, differentiable.

    The stride has no influence, and a kernel that is larger than the grid is wrapped. The gradient is that of the
    kernel and frequency of the maximum. On a GPU the host waits for intermediate results.

    Args:
        weight: [out, in, kh, kw] (or [in, out, kh, kw]), real.
        grid: (H, W) of the layer's input, before padding.
        pairs: int64 [P, 2], P > 0: consider only the kernels weight[pairs[:, 0], pairs[:, 1]]. The result is their
            maximum, uncorrected: multiply it by `compensation(out * in, P / (out * in))` to estimate that of all
            kernels. Default: all kernels.
        dilation: of the convolution, (vertical, horizontal).
    Returns:
        A scalar of the weight's precision (float32 for half precisions).
    Raises:
        ValueError: if the weight is not a real kernel, the grid is no pair, or (on the CPU) the pairs are out of range.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    if pairs is not None:
        weight = _kernels_of_pairs(weight, pairs)
    basis = fourier_basis(weight, grid, dilation)
    with torch.no_grad():
        peak = search(weight.detach(), basis).peak
    if not (weight.requires_grad and torch.is_grad_enabled()):
        return peak.value
    return modulus_at(weight, peak.row, peak.frequency, basis)


@torch.no_grad()
def filter_sigmas(weight: Tensor, grid: Grid, *, dilation: tuple[int, int] = (1, 1)) -> Tensor:
    """Return the largest DFT modulus of each kernel on the grid, [out, in]: the operator norms of the single filters.

    Args:
        weight: as in `sparsity_aware_sigma`.
        grid: as in `sparsity_aware_sigma`.
        dilation: as in `sparsity_aware_sigma`.
    Returns:
        [out, in], without gradient, of the weight's precision (float32 for half precisions).
    Raises:
        ValueError: if the weight is not a real kernel, or the grid is no pair.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    basis = fourier_basis(weight, grid, dilation)
    chunks = weight.flatten(2).flatten(0, 1).split(rows_at_once(basis))
    peaks = [moduli_squared(chunk, basis).amax(1).sqrt_() for chunk in chunks]
    return torch.cat(peaks).view(weight.shape[:2]).to(weight.dtype)


@torch.no_grad()
def released_sigma(weight: Tensor, grid: Grid) -> Tensor:
    """Return what the released layer computes on current PyTorch: the largest 2-norm over the last frequency axis.

    It exceeds the paper's sigma by a factor of up to sqrt(W). On square grids it equals the released code's value. On
    other grids the released code also swaps height and width, and it crops kernels that exceed the map; this function
    does neither. It transforms kernels in chunks, so that large layers fit into memory.

    Args:
        weight: [out, in, kh, kw], real.
        grid: (H, W) of the layer's input.
    Returns:
        A scalar of the weight's precision (float32 for half precisions), without gradient.
    Raises:
        ValueError: if the weight is not a real kernel, or the grid is no pair.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    kernels = on_grid(weight, grid).flatten(0, 1)
    chunks = kernels.split(max(1, CHUNK_BYTES // (16 * grid[0] * grid[1])))
    best = [torch.linalg.vector_norm(torch.fft.fft2(chunk), dim=-1).amax() for chunk in chunks]
    return torch.stack(best).amax()


def modulus_at(weight: Tensor, row: Tensor, frequency: Tensor, basis: tuple[Tensor, Tensor]) -> Tensor:
    """Return the DFT modulus of one kernel at one frequency: a scalar, differentiable.

    Args:
        weight: [out, in, kh, kw].
        row: int64 scalar, position of the kernel, out * in_channels + in.
        frequency: int64 scalar, a column of the basis.
        basis: from `fourier_basis`.
    """
    kernel = kernels_at(weight, row.view(1)).flatten()
    cosine, sine = (wave.index_select(1, frequency.view(1)).flatten().to(kernel.dtype) for wave in basis)
    square = (kernel * cosine).sum().square() + (kernel * sine).sum().square()
    # The lower bound makes the gradient at a kernel of zeros zero instead of undefined.
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()


def sparsity_aware_norm(
    *,
    gain: float | Callable[[nn.Module], float] = 1.0,
    fraction: float = 1.0,
    interval: int = 1,
    momentum: float = 0.0,
    differentiate: bool = False,
    measure: Sigma | None = None,
    linear: WeightRule | None = None,
    epsilon: float = 1e-12,
) -> WeightRule:
    """Return a weight rule that divides each convolution by gain * sigma, its largest DFT modulus on its input's grid.

    Sigma is measured once per change of the weights (in the first forward in training mode after an optimizer step),
    however many forwards follow; it is a constant for the gradient. Eval mode uses the stored sigma and stores nothing.
    If a layer receives a grid of another size, training mode measures sigma for that grid at once; eval mode does not.

    Transposed convolutions are the adjoints of strided ones, so their grid is the one they write to (input size times
    stride). Linear layers and embeddings are divided by an estimate of their largest singular value.

    Args:
        gain: the paper's g: values above 1 shrink the layer further. A number, or a function of the layer (for residual
            critics, whose features are less sparse, the paper suggests one value per layer).
        fraction: share r of the kernels that a measurement considers: a new random subset of ceil(N r) kernels each
            time, whose maximum is multiplied by `compensation(N, r)`. The subset is a function of stored state, so a
            resumed run draws the same ones.
        interval: measure at every n-th change of the weights only.
        momentum: sigma = momentum * (previous sigma) + (1 - momentum) * (measurement), starting from the first
            measurement (the released code starts from 1).
        differentiate: let the gradient flow through sigma, at the kernel and frequency of the last measurement.
        measure: (weight, grid) -> sigma, such as `released_sigma`; default: the paper's sigma.
        linear: rule for linear layers and embeddings; default: `spectral_norm()`.
        epsilon: lower bound of the divisor; a zero weight stays zero.
    Raises:
        ValueError: if `fraction` is out of range, or `differentiate` is combined with `momentum` or `measure`. The
            rule raises one if `gain`, `interval` or `momentum` is out of range.
    """
    subset_size(1, fraction)
    if differentiate and (momentum or measure is not None):
        raise ValueError(
            "differentiate=True is given with momentum or measure, but it follows the gradient of the largest kernel "
            "alone; use it without momentum and without a custom measure"
        )
    for_others = spectral_norm() if linear is None else linear

    def rule(layer: Normalizable, grid: Grid) -> nn.Module | None:
        if not isinstance(layer, Convolution):
            return for_others(layer, grid)
        return SparsityAware(
            layer,
            grid,
            gain=gain(layer) if callable(gain) else gain,
            fraction=fraction,
            interval=interval,
            momentum=momentum,
            differentiate=differentiate,
            measure=measure,
            epsilon=epsilon,
        )

    return rule


class SparsityAware(RefreshedNorm):
    """The parametrization behind `sparsity_aware_norm`, with the same arguments.

    Its buffers are those of `RefreshedNorm` (sigma includes the compensation), a seed for random subsets, drawn from
    torch's generator at construction, and the kernel and frequency of the maximum.
    """

    seed: Tensor
    """int64 scalar."""
    row: Tensor
    """int64 scalar, position of the largest kernel, out * in_channels + in."""
    frequency: Tensor
    """int64 scalar, column of the Fourier basis."""
    unsure: Tensor
    """Bool scalar, whether the last search may have missed a larger modulus."""

    def __init__(
        self,
        layer: Convolution,
        grid: Grid,
        *,
        gain: float = 1.0,
        fraction: float = 1.0,
        interval: int = 1,
        momentum: float = 0.0,
        differentiate: bool = False,
        measure: Sigma | None = None,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__(layer, grid, gain=gain, interval=interval, momentum=momentum, epsilon=epsilon)
        self.dilation = dilation_of(layer)
        self.fraction = fraction
        self.differentiate = differentiate
        self.own_measure = measure
        self.never_wait = layer.weight.is_cuda
        """Whether a measurement must not make the host wait for the device. A measurement may then be too small."""
        device = layer.weight.device
        self.register_buffer("seed", torch.randint(2**62, ()).to(device))
        self.register_buffer("row", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("frequency", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("unsure", torch.zeros((), dtype=torch.bool, device=device))
        self._late = LateFlag()
        self._seed = 0 if self.seed.is_meta else int(self.seed)  # tensors on "meta" have no values
        self.start(layer.weight)

    def read_buffers(self) -> None:
        super().read_buffers()
        self._seed = int(self.seed)
        self._late = LateFlag(bool(self.unsure))

    def measure(self, weight: Tensor) -> Tensor:
        weight = at_least_float32(weight)
        total = weight.shape[0] * weight.shape[1]
        rows = None
        if self.fraction < 1:
            rows = random_subset(self._seed + self._changes, total, self.fraction).to(weight.device)
            weight = kernels_at(weight, rows).view(1, -1, *weight.shape[2:])
        factor = compensation(total, self.fraction)
        if self.own_measure is not None:
            return factor * self.own_measure(weight, self._grid)
        peak = self._search(weight).peak
        self.row.copy_(peak.row if rows is None else rows[peak.row])
        self.frequency.copy_(peak.frequency)
        return factor * peak.value

    def sigma_of(self, weight: Tensor) -> Tensor:
        factor = compensation(weight.shape[0] * weight.shape[1], self.fraction)
        weight = at_least_float32(weight)
        # Copies: the buffers may be overwritten before the gradient is computed.
        return factor * modulus_at(weight, self.row.clone(), self.frequency.clone(), self._basis(weight))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, fraction={self.fraction}, differentiate={self.differentiate}"

    def _search(self, weight: Tensor) -> Search:
        if not (self.never_wait or weight.is_cuda):
            return search(weight, self._basis(weight))
        result = search_without_waiting(weight, self._basis(weight), all_kernels=self._late.read())
        if result.unsure is not None:
            self.unsure.copy_(result.unsure)
        self._late.post(self.unsure)
        return result

    def _basis(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return fourier_basis(weight, self._grid, self.dilation)


def _checked(weight: Tensor, grid: Grid) -> Grid:
    """Return the grid as a pair of ints, and raise a ValueError if it or the weight is unsuitable."""
    if weight.dim() != 4 or weight.numel() == 0 or not weight.is_floating_point():
        raise ValueError(
            f"the weight has shape {list(weight.shape)} and type {weight.dtype}; sigma is defined for the real "
            "kernels of a convolution, [out, in, kh, kw] (for linear layers use spectral_norm)"
        )
    return as_grid(grid)


def _kernels_of_pairs(weight: Tensor, pairs: Tensor) -> Tensor:
    """Return the kernels of the pairs, [1, P, kh, kw]."""
    pairs = torch.as_tensor(pairs, device=weight.device)
    if (
        pairs.dim() != 2
        or pairs.shape[1] != 2
        or len(pairs) == 0
        or pairs.is_floating_point()
        or pairs.dtype == torch.bool
    ):
        raise ValueError(
            f"pairs has shape {list(pairs.shape)} and type {pairs.dtype}; pass whole numbers [P, 2] with P > 0: "
            "(out, in) of each kernel"
        )
    outputs, inputs = pairs.long().unbind(1)  # an index of type uint8 would act as a mask
    # On other devices the check would make the host wait.
    if weight.device.type == "cpu" and not torch.compiler.is_compiling():
        last = torch.tensor(weight.shape[:2])
        if (pairs < 0).any() or (pairs.long() >= last).any():
            raise ValueError(
                f"pairs must be below {tuple(weight.shape[:2])}, the layer's (out, in), and at least 0; they span "
                f"{pairs.amin(0).tolist()} to {pairs.amax(0).tolist()}"
            )
    return weight[outputs, inputs].unsqueeze(0)
