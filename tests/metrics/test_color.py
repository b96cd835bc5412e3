"""sRGB and L*a*b*: stored pictures, known colors, the way back, gradients and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import lab_to_rgb, psnr, rgb_to_lab, ssim

VECTORS = np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz")
OUTPUT, TARGET, MIXED = (
    (VECTORS[f"restoration.colour.{name}"] + 1) / 2
    for name in ("output", "target", "output_with_target_luminance")
)


def test_luminance_of_another_picture() -> None:
    lab = np.concatenate(
        [np.asarray(rgb_to_lab(TARGET))[:, :1], np.asarray(rgb_to_lab(OUTPUT))[:, 1:]], axis=1
    )
    mixed = lab_to_rgb(lab)
    np.testing.assert_allclose(mixed, MIXED, atol=1e-6)
    np.testing.assert_allclose(psnr(OUTPUT, TARGET), VECTORS["restoration.colour.psnr_before"], rtol=1e-7)
    np.testing.assert_allclose(psnr(mixed, TARGET), VECTORS["restoration.colour.psnr_after"], rtol=1e-6)
    stored = VECTORS["restoration.colour.ssim_before_gaussian_range1"]
    np.testing.assert_allclose(ssim(OUTPUT, TARGET), stored, rtol=1e-7)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
        ((0.01, 0.01, 0.01), (0.699, 0, 0)),  # both curves are lines there: 0.01 / 12.92 * 903.3
    ],
)
def test_published_values_of_colors(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    pixel = torch.tensor(rgb, dtype=torch.float64)[:, None, None]
    np.testing.assert_allclose(rgb_to_lab(pixel).ravel(), lab, atol=0.02)


def test_the_way_back() -> None:
    levels = np.linspace(0, 1, 18)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=0).reshape(1, 3, 18, -1)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(cube)), cube, atol=1e-12)
    single = torch.from_numpy(cube).float()
    assert rgb_to_lab(single).dtype == torch.float32
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(single)).numpy(), cube, atol=2e-4)
    assert rgb_to_lab(single[0]).shape == single[0].shape


def test_colors_outside_are_clipped() -> None:
    lab = np.array([60.0, 120.0, 120.0])[:, None, None]
    rgb = lab_to_rgb(lab)
    assert rgb.min() == 0 and rgb.max() == 1
    dark = lab_to_rgb(np.array([0.0, 0.0, 200.0])[:, None, None])
    assert (dark >= 0).all() and (dark < 0.1).all()


def test_gradients_are_finite_and_right() -> None:
    random = torch.Generator().manual_seed(0)
    rgb = torch.rand(1, 3, 2, 3, dtype=torch.float64, generator=random) * 0.9 + 0.05
    assert torch.autograd.gradcheck(rgb_to_lab, (rgb.requires_grad_(),))
    lab = torch.as_tensor(rgb_to_lab(rgb)).detach().requires_grad_()
    assert torch.autograd.gradcheck(lab_to_rgb, (lab,), eps=1e-5)
    black = torch.zeros(1, 3, 1, 1, requires_grad=True)
    torch.as_tensor(lab_to_rgb(rgb_to_lab(black))).sum().backward()
    assert black.grad is not None and black.grad.isfinite().all()


def test_mistakes_raise() -> None:
    for wrong in (2 * OUTPUT - 1, OUTPUT * 255):
        with pytest.raises(ValueError, match=r"give 0 \.\. 1"):
            rgb_to_lab(wrong)
    for wrong in (OUTPUT[:, :2], OUTPUT[0, 0], (OUTPUT * 255).astype(np.uint8)):
        with pytest.raises(ValueError, match="float32 or float64"):
            rgb_to_lab(wrong)
    with pytest.raises(ValueError, match="NaN"):
        lab_to_rgb(OUTPUT * np.nan)
