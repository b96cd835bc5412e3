"""PAPER: Sparsity-Aware Normalization (Kligvasser and Michaeli 2021, "Sparsity Aware Normalization for GANs").

A layer is divided by how much it can amplify a signal with a single non-zero channel into a single output
channel: the largest DFT modulus of all its kernels on the grid of its input (Lemma 1). The released code
(kligvasser/SANGAN) takes, on current PyTorch, a norm over the last frequency axis instead of the modulus; it is
available as `released_sigma`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

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
    """The largest DFT modulus over all kernels, zero-padded to the grid (equation 8): exact, differentiable.

    Stride plays no part, and a kernel that is larger than the grid is wrapped. The gradient is that of the one
    kernel and frequency where the maximum is. On a GPU the host waits for the result of the bound.

    Args:
        weight: [out, in, kh, kw] (or [in, out, kh, kw]), real.
        grid: (H, W) of the layer's input, before padding.
        pairs: int64 [P, 2], P > 0: only the kernels weight[pairs[:, 0], pairs[:, 1]] are looked at. The result
            is their maximum as it is: multiply by `compensation(out * in, P / (out * in))` to estimate that of
            all kernels.
        dilation: of the convolution.
    Returns:
        A scalar of the weight's precision (float32 for half precisions).
    Raises:
        ValueError: shapes, the grid or (on the CPU) the pairs do not fit.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    if pairs is not None:
        weight = _chosen_kernels(weight, pairs)
    basis = fourier_basis(weight, grid, dilation)
    with torch.no_grad():
        peak = search(weight.detach(), basis).peak
    if not (weight.requires_grad and torch.is_grad_enabled()):
        return peak.value
    return modulus_at(weight, peak.row, peak.frequency, basis)


@torch.no_grad()
def filter_sigmas(weight: Tensor, grid: Grid, *, dilation: tuple[int, int] = (1, 1)) -> Tensor:
    """[out, in] largest DFT modulus of each kernel on the grid: the operator norms of the single filters.

    Args, errors: as `sparsity_aware_sigma`. Carries no gradient.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    basis = fourier_basis(weight, grid, dilation)
    parts = weight.flatten(2).flatten(0, 1).split(rows_at_once(basis))
    peaks = [moduli_squared(part, basis).amax(1).sqrt_() for part in parts]
    return torch.cat(peaks).view(weight.shape[:2]).to(weight.dtype)


@torch.no_grad()
def released_sigma(weight: Tensor, grid: Grid) -> Tensor:
    """What the released layer computes on current PyTorch: the largest 2-norm over the last frequency axis.

    Larger than the paper's sigma, by up to sqrt(W). On square grids it is the released code's number; on others
    the released code also swaps height and width, and it crops kernels that exceed the map: not done here.
    Memory: chunks of kernels, so that large layers fit.
    """
    grid = _checked(weight, grid)
    weight = at_least_float32(weight)
    kernels = on_grid(weight, grid).flatten(0, 1)
    parts = kernels.split(max(1, CHUNK_BYTES // (16 * grid[0] * grid[1])))
    best = [torch.linalg.vector_norm(torch.fft.fft2(part), dim=-1).amax() for part in parts]
    return torch.stack(best).amax()


def modulus_at(weight: Tensor, row: Tensor, frequency: Tensor, basis: tuple[Tensor, Tensor]) -> Tensor:
    """The DFT modulus of one kernel of [out, in, kh, kw] at one frequency of the basis: a scalar, differentiable.

    Args:
        row: int64 scalar, out * in_channels + in. frequency: int64 scalar, a column of the basis.
    """
    kernel = kernels_at(weight, row.view(1)).flatten()
    cosine, sine = (part.index_select(1, frequency.view(1)).flatten().to(kernel.dtype) for part in basis)
    square = (kernel * cosine).sum().square() + (kernel * sine).sum().square()
    # The gradient at a kernel of zeros is zero, not undefined.
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
    """A weight rule that divides each convolution by gain * sigma, its largest DFT modulus on its input's grid.

    Sigma is measured once per change of the weights (the first forward in training mode after an optimizer
    step), however many passes follow; it is a constant for the gradient. Evaluation mode uses the stored sigma
    and stores nothing. A layer that sees a grid of another size in training mode takes sigma for that grid at
    once; evaluation mode leaves it.

    Transposed convolutions are the adjoints of strided ones, so their grid is the one they write to (input size
    times stride). Linear layers and embeddings are divided by an estimate of their largest singular value.

    Args:
        gain: the paper's g: above 1 shrinks the layer further. A number, or a function of the layer (the paper
            suggests one per layer for residual critics, whose features are less sparse).
        fraction: share r of the kernels that is looked at, a new random subset of ceil(N r) of them per
            measurement, times `compensation(N, r)`. The subset is a function of stored state: resuming is exact.
        interval: measure on every n-th change of the weights only.
        momentum: sigma = momentum * (last sigma) + (1 - momentum) * (measured one), from the first measured one
            on (the released code starts from 1).
        differentiate: let the gradient flow through sigma, at the kernel and frequency of the last measurement.
        measure: (weight, grid) -> sigma in place of the paper's, such as `released_sigma`.
        linear: rule for linear layers and embeddings; `spectral_norm()` where None.
        epsilon: lower bound of what is divided by; a zero weight stays zero.
    Raises:
        ValueError: a number out of range, or `differentiate` with momentum or with a measure of one's own.
    """
    subset_size(1, fraction)
    if differentiate and (momentum or measure is not None):
        raise ValueError(
            "differentiate=True follows the gradient of the one kernel that is largest; use it without momentum "
            "and without a measure of your own"
        )
    for_others = spectral_norm() if linear is None else linear

    def rule(layer: nn.Module, grid: Grid) -> nn.Module | None:
        if layer.weight.dim() != 4:
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
    """The parametrization behind `sparsity_aware_norm`: see there for the arguments.

    Buffers: sigma (times the compensation), what RefreshedNorm keeps, a seed for random subsets (drawn from
    torch's generator at construction), and the kernel and frequency of the maximum.
    """

    def __init__(
        self,
        layer: nn.Module,
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
        self.dilation = tuple(layer.dilation)
        self.fraction = fraction
        self.differentiate = differentiate
        self.own_measure = measure
        self.never_wait = layer.weight.is_cuda
        """Measure without the host's reading anything, at the risk of one measurement that is too small."""
        device = layer.weight.device
        self.register_buffer("seed", torch.randint(2**62, ()).to(device))
        self.register_buffer("row", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("frequency", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("unsure", torch.zeros((), dtype=torch.bool, device=device))
        self._late = LateFlag()
        self._seed = 0 if self.seed.is_meta else int(self.seed)  # networks of shapes alone have no numbers
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
        found = self._search(weight)
        self.row.copy_(found.peak.row if rows is None else rows[found.peak.row])
        self.frequency.copy_(found.peak.frequency)
        return factor * found.peak.value

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
        found = search_without_waiting(weight, self._basis(weight), all_kernels=self._late.read())
        self.unsure.copy_(found.unsure)
        self._late.post(self.unsure)
        return found

    def _basis(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return fourier_basis(weight, self._grid, self.dilation)


def _checked(weight: Tensor, grid: Grid) -> Grid:
    """The grid as a pair of ints, whatever sequence it came in."""
    if weight.dim() != 4 or weight.numel() == 0 or not weight.is_floating_point():
        raise ValueError(
            f"the weight has shape {list(weight.shape)} and type {weight.dtype}; sigma is defined for the real "
            "kernels of a convolution, [out, in, kh, kw] (a linear layer takes spectral_norm)"
        )
    return as_grid(grid)


def _chosen_kernels(weight: Tensor, pairs: Tensor) -> Tensor:
    """[1, P, kh, kw]: the kernels of the pairs."""
    pairs = torch.as_tensor(pairs, device=weight.device)
    if (
        pairs.dim() != 2
        or pairs.shape[1] != 2
        or len(pairs) == 0
        or pairs.is_floating_point()
        or pairs.dtype == torch.bool
    ):
        raise ValueError(
            f"pairs has shape {list(pairs.shape)} and type {pairs.dtype}; it must be whole numbers [P, 2] with P > 0: "
            "(out, in) of each kernel"
        )
    outputs, inputs = pairs.long().unbind(1)  # bytes would be taken for a mask
    # Elsewhere looking would make the host wait.
    if weight.device.type == "cpu" and not torch.compiler.is_compiling():
        last = torch.tensor(weight.shape[:2])
        if (pairs < 0).any() or (pairs.long() >= last).any():
            raise ValueError(
                f"pairs must be below {tuple(weight.shape[:2])}, the layer's (out, in), and at least 0"
            )
    return weight[outputs, inputs].unsqueeze(0)
