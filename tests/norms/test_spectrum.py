"""The search for the largest DFT modulus: equal to the FFT of padded kernels, whatever the bound excludes."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

from everymode.norms import spectrum
from everymode.norms.spectrum import LateFlag, fourier_basis, on_grid, search, search_without_waiting


def by_fft(weight: Tensor, grid: tuple[int, int]) -> Tensor:
    return torch.fft.fft2(weight.double(), s=grid).abs().amax()


def dirac_like(out: int, inside: int) -> Tensor:
    """Kernels of one entry each: every modulus is the bound itself, so the bound excludes least."""
    weight = torch.zeros(out, inside, 3, 3)
    weight[:, :, 1, 1] = torch.randn(out, inside)
    return weight


def hard_for_the_bound(out: int, inside: int) -> Tensor:
    """Many kernels with a large L1 norm and small moduli, and one below them in L1 norm that wins."""
    weight = torch.tensor([[1.0, 1, -1], [1, -1, 1], [-1, 1, 1]]).mul(0.1).repeat(out, inside, 1, 1)
    weight += 1e-3 * torch.rand(out, inside, 3, 3)
    weight[3, 2] = torch.zeros(3, 3)
    weight[3, 2, 0, 0] = 0.85
    return weight


@pytest.mark.parametrize("make", [torch.randn, dirac_like, hard_for_the_bound])
@pytest.mark.parametrize("grid", [(4, 4), (8, 5), (3, 16)])
def test_the_peak_is_that_of_all_padded_kernels(make: object, grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 40, 3, 3) if make is torch.randn else make(48, 40)
    found = search(weight, fourier_basis(weight, grid))
    assert found.peak.value.item() == pytest.approx(by_fft(weight, grid).item(), rel=1e-6)
    kernel = weight.flatten(0, 1)[found.peak.row]
    assert by_fft(kernel[None, None], grid).item() == pytest.approx(found.peak.value.item(), rel=1e-6)


def test_the_bound_leaves_little_where_it_can_and_everything_where_it_must() -> None:
    torch.manual_seed(1)
    weight = torch.randn(64, 64, 3, 3)
    assert search(weight, fourier_basis(weight, (8, 8))).transformed == spectrum.BLOCK
    hard = hard_for_the_bound(48, 40)
    # The winner has an L1 norm of 0.85, all others of about 0.9: none can be skipped before it is transformed.
    assert search(hard, fourier_basis(hard, (8, 8))).transformed > 48 * 40 - 8 * spectrum.BLOCK
    small = torch.randn(3, 2, 3, 3)
    assert search(small, fourier_basis(small, (8, 8))).transformed == 6


def test_nothing_may_remain_after_the_first_kernels() -> None:
    # As many kernels as are transformed first have bounds above the peak (2 and 1.90 on 5 x 5), and no other one has.
    weight = torch.zeros(32, 32, 3, 3)
    weight.flatten(0, 1)[: spectrum.BLOCK, 0, :2] = torch.tensor([1.0, -1.0])
    found = search(weight, fourier_basis(weight, (5, 5)))
    assert found.transformed == spectrum.BLOCK
    assert found.peak.value.item() == pytest.approx(by_fft(weight, (5, 5)).item(), rel=1e-6)


def test_without_waiting_the_flag_tells_of_a_kernel_that_was_missed() -> None:
    hard = hard_for_the_bound(48, 40)
    basis = fourier_basis(hard, (8, 8))
    exact = by_fft(hard, (8, 8)).item()
    first = search_without_waiting(hard, basis, all_kernels=False)
    assert first.peak.value.item() < 0.9 * exact and bool(first.unsure)
    second = search_without_waiting(hard, basis, all_kernels=True)
    assert second.peak.value.item() == pytest.approx(exact, rel=1e-6)
    torch.manual_seed(2)
    easy = torch.randn(48, 40, 3, 3)
    found = search_without_waiting(easy, fourier_basis(easy, (8, 8)), all_kernels=False)
    assert found.peak.value.item() == pytest.approx(by_fft(easy, (8, 8)).item(), rel=1e-6)
    assert not bool(found.unsure)
    assert found.transformed == spectrum.FIRST < 48 * 40


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    weight = torch.randn(9, 7, 3, 3)
    whole = search(weight, fourier_basis(weight, (8, 6))).peak
    monkeypatch.setattr(spectrum, "CHUNK_BYTES", 3000)
    parts = search(weight, fourier_basis(weight, (8, 6))).peak
    assert whole.value.item() == pytest.approx(parts.value.item(), rel=1e-7)
    assert (whole.row, whole.frequency) == (parts.row, parts.frequency)


def test_kernels_are_laid_on_the_grid_and_wrapped() -> None:
    kernel = torch.arange(1.0, 10).view(1, 1, 3, 3)
    assert on_grid(kernel, (4, 5))[0, 0].tolist() == [
        [1, 2, 3, 0, 0],
        [4, 5, 6, 0, 0],
        [7, 8, 9, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    # Column 2 falls onto column 0, row 2 onto row 0.
    assert on_grid(kernel, (2, 2))[0, 0].tolist() == [[1 + 3 + 7 + 9, 2 + 8], [4 + 6, 5]]
    assert on_grid(kernel, (5, 5), (2, 2))[0, 0, ::2, ::2].tolist() == kernel[0, 0].tolist()


def test_inference_mode_leaves_no_tensor_that_later_gradients_trip_over() -> None:
    weight = torch.randn(2, 2, 3, 3)
    with torch.inference_mode():
        fourier_basis(weight, (11, 13))
    assert not fourier_basis(weight, (11, 13))[0].is_inference()


def test_a_late_flag_arrives_and_is_copied() -> None:
    flag = LateFlag()
    assert flag.read() is False
    flag.post(torch.tensor(True))
    assert flag.read() is True and flag.read() is True
    assert copy.deepcopy(flag).read() is True and pickle.loads(pickle.dumps(flag)).read() is True
    flag.post(torch.tensor(False))
    assert flag.read() is False
