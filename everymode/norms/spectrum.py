"""The largest DFT modulus over many small kernels on one grid, by a bound and a few matrix products.

|DFT(k)(f)| <= ||k||_1 at every frequency f. Thus a kernel needs a transform only if its L1 norm exceeds the largest
modulus computed before. For kernels of a few entries, a product with a real Fourier basis is cheaper than a padded FFT.
Frequencies of half the plane suffice, because kernels are real.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

Pair = tuple[int, int]

FIRST = 1024
"""Number of kernels of largest L1 norm that `search_without_waiting` always transforms."""
BLOCK = 128
"""Number of kernels that `search` transforms first; later blocks have eight times as many."""
CHUNK_BYTES = 16 * 2**20
"""Upper bound of the memory of one matrix product's transforms, in bytes."""


class Peak(NamedTuple):
    """The largest modulus and its position: scalar tensors, on the kernels' device."""

    value: Tensor
    row: Tensor
    """int64, index of the kernel among those searched."""
    frequency: Tensor
    """int64, column of the Fourier basis."""


class Search(NamedTuple):
    """The result of a search for the largest modulus."""

    peak: Peak
    transformed: int
    """Number of kernels that were transformed."""
    unsure: Tensor | None = None
    """Bool scalar, whether a kernel that was not transformed may have a larger modulus; None if the peak is exact."""


def fourier_basis(weight: Tensor, grid: Pair, dilation: Pair = (1, 1)) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [kh * kw, H * (W // 2 + 1)] of each kernel entry's phase at each frequency.

    They are in double precision if the device supports it, which keeps settings for faster products (TF32, bf16) from
    affecting them. Entries beyond the grid have the phase of the position they wrap to, so kernels larger than the map
    are handled correctly.

    Args:
        weight: [out, in, kh, kw], which determines the kernel size, precision and device.
        grid: (H, W).
        dilation: of the convolution, (vertical, horizontal).
    """
    dtype = weight.dtype if weight.device.type == "mps" else torch.float64
    height, width = weight.shape[2:]
    with torch.inference_mode(False):
        return _fourier_basis((height, width), grid, dilation, dtype, weight.device)


@lru_cache(maxsize=128)
def _fourier_basis(
    kernel_size: Pair, grid: Pair, dilation: Pair, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    def turns(size: int, length: int, step: int, count: int) -> Tensor:
        positions = torch.arange(size).mul(step).view(-1, 1)
        # Full turns are subtracted in integers, which keeps the phase exact for any grid.
        return (positions * torch.arange(count)).remainder(length).to(torch.float64) / length

    (height, width), (kh, kw) = grid, kernel_size
    down = turns(kh, height, dilation[0], height)
    across = turns(kw, width, dilation[1], width // 2 + 1)
    angle = (down.view(kh, 1, height, 1) + across.view(1, kw, 1, -1)).flatten(2).flatten(0, 1) * (2 * math.pi)
    return angle.cos().to(device, dtype), angle.sin().to(device, dtype)


def moduli_squared(kernels: Tensor, basis: tuple[Tensor, Tensor]) -> Tensor:
    """Return squared DFT moduli [N, frequencies] of kernels [N, kh * kw], in the basis's precision."""
    kernels = kernels.to(basis[0].dtype)
    real, imaginary = kernels @ basis[0], kernels @ basis[1]
    return real.mul_(real).addcmul_(imaginary, imaginary)


def rows_at_once(basis: tuple[Tensor, Tensor]) -> int:
    """Return the number of kernels whose transforms fit into CHUNK_BYTES, at least 1."""
    return max(1, CHUNK_BYTES // (2 * basis[0].shape[1] * basis[0].element_size()))


def peak_of_rows(kernels: Tensor, basis: tuple[Tensor, Tensor]) -> Peak:
    """Return the largest DFT modulus of kernels [N, kh * kw], N > 0, and its position: exact, computed in chunks."""
    values, indices = [], []
    step = rows_at_once(basis)
    for start in range(0, len(kernels), step):
        squares = moduli_squared(kernels[start : start + step], basis)
        value, index = squares.flatten().max(0)
        values.append(value)
        indices.append(index + start * squares.shape[1])
    best = torch.stack(values).max(0)
    flat_index = torch.stack(indices).gather(0, best.indices.view(1)).view(())
    columns = basis[0].shape[1]
    row = flat_index.div(columns, rounding_mode="floor")
    return Peak(best.values.sqrt().to(kernels.dtype), row, flat_index - row * columns)


def bounds(weight: Tensor) -> Tensor:
    """Return the L1 norms [out * in] of the kernels of a weight [out, in, kh, kw]."""
    # On CPUs this is much faster than a vector norm over a few entries.
    return weight.abs().sum((2, 3)).flatten()


def kernels_at(weight: Tensor, rows: Tensor) -> Tensor:
    """Return kernels [N, kh * kw] at flat positions [N], out * in_channels + in, for any memory format."""
    first = rows.div(weight.shape[1], rounding_mode="floor")
    return weight[first, rows - first * weight.shape[1]].flatten(1)


def search(weight: Tensor, basis: tuple[Tensor, Tensor]) -> Search:
    """Return the exact largest modulus over all kernels [out, in, kh, kw]; the host reads intermediate results."""
    limits = bounds(weight)
    count = min(BLOCK, len(limits))
    largest = limits.topk(count)
    peak = _among(weight, largest.indices, basis)
    if count == len(limits) or not bool(largest.values[-1] > peak.value):
        return Search(peak, count)
    remaining = limits > peak.value
    remaining[largest.indices] = False
    rows = remaining.nonzero().flatten()
    # In descending order of the bound: the peak grows early, and then excludes the tail.
    rows = rows[limits[rows].argsort(descending=True)]
    # If only the first BLOCK kernels have bounds above the peak, there is one block, which is empty.
    for block in rows.split(8 * BLOCK):
        if not len(block) or not bool(limits[block[0]] > peak.value):
            break
        other = _among(weight, block, basis)
        count += len(block)
        if bool(other.value > peak.value):
            peak = other
    return Search(peak, count)


def search_without_waiting(weight: Tensor, basis: tuple[Tensor, Tensor], *, all_kernels: bool) -> Search:
    """Search as `search` does, in a fixed number of operations, none of which makes the host wait for the device.

    Args:
        weight: [out, in, kh, kw].
        basis: from `fourier_basis`.
        all_kernels: True transforms every kernel, which is exact; False only the FIRST kernels of largest bound.
    Returns:
        A search whose `unsure` states whether the FIRST kernels alone may miss a larger modulus.
    """
    limits = bounds(weight)
    largest = limits.topk(min(FIRST, len(limits)))
    if all_kernels:
        peak, count = peak_of_rows(weight.flatten(2).flatten(0, 1), basis), len(limits)
    else:
        peak, count = _among(weight, largest.indices, basis), len(largest.indices)
    unsure = (largest.values[-1] > peak.value) & (len(limits) > FIRST)
    return Search(peak, count, unsure)


class LateFlag:
    """A flag that the device sets and the host reads later, without waiting for the device."""

    def __init__(self, value: bool = False) -> None:
        self._value = value
        self._arriving: Tensor | None = None
        self._event: torch.cuda.Event | None = None

    def post(self, flag: Tensor) -> None:
        """Start copying a bool scalar to the host."""
        if not flag.is_cuda:
            self._arriving = flag.clone()
            return
        self._arriving = torch.empty((), dtype=torch.bool, pin_memory=True).copy_(flag, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record()

    def read(self) -> bool:
        """Return the last flag that has arrived."""
        if self._arriving is not None and (self._event is None or self._event.query()):
            self._value = bool(self._arriving)
            self._arriving = self._event = None
        return self._value

    def __deepcopy__(self, memo: object) -> LateFlag:
        return LateFlag(self._value)

    def __reduce__(self) -> tuple[type[LateFlag], tuple[bool]]:
        return LateFlag, (self._value,)


def _among(weight: Tensor, rows: Tensor, basis: tuple[Tensor, Tensor]) -> Peak:
    peak = peak_of_rows(kernels_at(weight, rows), basis)
    return peak._replace(row=rows.gather(0, peak.row.view(1)).view(()))


def on_grid(weight: Tensor, grid: Pair, dilation: Pair = (1, 1)) -> Tensor:
    """Return kernels [..., kh, kw] zero-padded to the grid, [..., H, W]; entries beyond the grid wrap around."""
    (kh, kw), (height, width) = weight.shape[-2:], grid
    rows = torch.arange(kh, device=weight.device).mul(dilation[0]).remainder(height).view(-1, 1)
    columns = torch.arange(kw, device=weight.device).mul(dilation[1]).remainder(width)
    flat = weight.new_zeros((*weight.shape[:-2], height * width))
    return flat.index_add_(-1, (rows * width + columns).flatten(), weight.flatten(-2)).unflatten(-1, grid)
