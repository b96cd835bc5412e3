"""PSNR and SSIM: stored values, the definition written out, and the super-resolution conventions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch

from everymode.metrics import eight_bit, luma, psnr, ssim, super_resolution_view, without_border

VECTORS = np.load(Path(__file__).parents[1] / "vectors_metrics.npz")
X, Y = VECTORS["metrics.img_ref"], VECTORS["metrics.img_dis"]


def test_stored_values() -> None:
    np.testing.assert_allclose(psnr(X, Y), VECTORS["metrics.psnr"], rtol=1e-9)
    np.testing.assert_allclose(ssim(X, Y), VECTORS["metrics.ssim"], rtol=1e-9)


def test_tensors_give_tensors_and_arrays_arrays() -> None:
    for metric in (psnr, ssim):
        assert isinstance(metric(X, Y), np.ndarray)
        result = metric(torch.from_numpy(X), torch.from_numpy(Y))
        assert result.dtype == torch.float64
        assert result.shape == (3,)
        assert result.tolist() == metric(X, Y).tolist()


def test_psnr_by_hand() -> None:
    black = np.zeros((2, 1, 2, 2))
    other = black.copy()
    other[0, 0, 0, 0] = 0.2  # mean squared error 0.01
    np.testing.assert_allclose(psnr(black, other), [20.0, np.inf], rtol=1e-12)
    np.testing.assert_allclose(psnr(black * 2, other * 2, data_range=2.0)[0], 20.0, rtol=1e-12)
    whole = np.full((1, 3, 4, 4), 200, np.uint8)
    np.testing.assert_allclose(psnr(whole, whole + 5, data_range=255), 20 * np.log10(255 / 5), rtol=1e-12)
    # Differences of unsigned integers do not wrap around.
    np.testing.assert_allclose(psnr(whole + 5, whole, 255), psnr(whole, whole + 5, 255), rtol=1e-14)


def test_ssim_by_its_definition() -> None:
    random = np.random.default_rng(0)
    x = random.random((2, 2, 14, 19))
    y = np.clip(x + 0.2 * random.standard_normal(x.shape), 0, 1)

    def blurred(image: np.ndarray) -> np.ndarray:
        # truncate = 3.5 gives the 11-wide window; the padded border is cropped.
        return scipy.ndimage.gaussian_filter(image, 1.5, truncate=3.5)[5:-5, 5:-5]

    expected = []
    for first, second in zip(x, y, strict=True):
        channels = []
        for a, b in zip(first, second, strict=True):
            mean_a, mean_b = blurred(a), blurred(b)
            var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
            shared = blurred(a * b) - mean_a * mean_b
            above = (2 * mean_a * mean_b + 1e-4) * (2 * shared + 9e-4)
            below = (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
            channels.append((above / below).mean())
        expected.append(np.mean(channels))
    np.testing.assert_allclose(ssim(x, y), expected, rtol=1e-11)
    np.testing.assert_allclose(ssim(x * 255, y * 255, data_range=255), expected, rtol=1e-9)


def test_ssim_of_flat_images_equal_images_and_opposites() -> None:
    np.testing.assert_allclose(ssim(X, X), 1.0, rtol=1e-12)
    flat = np.full((1, 1, 11, 11), 0.5)
    np.testing.assert_allclose(ssim(flat, flat / 5), (2 * 0.05 + 1e-4) / (0.26 + 1e-4), rtol=1e-9)
    stripes = np.tile(np.arange(16) % 2, (1, 1, 16, 1)).astype(float)
    assert ssim(stripes, 1 - stripes)[0] < -0.9
    assert np.isfinite(ssim(flat * 0, flat * 0)).all()


def test_batches_and_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = psnr(X, Y), ssim(X, Y)
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 10)
    np.testing.assert_array_equal(psnr(X, Y), whole[0])
    np.testing.assert_allclose(ssim(X, Y), whole[1], rtol=1e-13)
    np.testing.assert_allclose(ssim(X[1:2], Y[1:2]), whole[1][1:2], rtol=1e-13)


def test_eight_bit_clamps_and_rounds() -> None:
    values = np.array([-0.1, 0.0, 0.5, 100.4 / 255, 100.6 / 255, 1.0, 1.3]).reshape(1, 1, 1, 7)
    assert eight_bit(values).ravel().tolist() == [0, 0, 128, 100, 101, 255, 255]
    assert eight_bit(values * 2, data_range=2.0).ravel().tolist() == [0, 0, 128, 100, 101, 255, 255]


def test_luma_of_known_colors() -> None:
    colors = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)[
        :, :, None, None
    ]
    result = luma(colors)
    assert result.shape == (4, 1, 1, 1)
    expected = torch.tensor([16, 235, 16 + 65.481, 16 + 128.553], dtype=torch.float64)
    torch.testing.assert_close(result.flatten(), expected, rtol=0, atol=1e-12)
    assert luma(colors * 255, 255.0, rounded=True).flatten().tolist() == [16, 235, 81, 145]


def test_borders_are_cut_from_every_side() -> None:
    image = np.arange(30.0).reshape(1, 1, 5, 6)
    assert without_border(image, 2).tolist() == [[[[14.0, 15.0]]]]
    np.testing.assert_array_equal(without_border(image, 0), image)
    for pixels in (-1, 3):
        with pytest.raises(ValueError, match="5 x 6"):
            without_border(image, pixels)


def test_the_super_resolution_view_is_eight_bit_luma_without_border() -> None:
    view = super_resolution_view(X, 4)
    assert view.shape == (3, 1, 40, 40)
    red, green, blue = np.round(np.clip(X[1, :, 9, 13].astype(float), 0, 1) * 255)
    expected = np.round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)
    assert view[1, 0, 5, 9] == expected
    scores = psnr(view, super_resolution_view(Y, 4), data_range=255)
    error = np.square(view - super_resolution_view(Y, 4)).mean((1, 2, 3))
    np.testing.assert_allclose(scores, 10 * np.log10(255**2 / error), rtol=1e-12)


def test_mistakes_raise() -> None:
    for metric in (psnr, ssim):
        with pytest.raises(ValueError, match="two batches of one shape"):
            metric(X, Y[:2])
        with pytest.raises(ValueError, match="two batches of one shape"):
            metric(X[0], Y[0])
        with pytest.raises(ValueError, match="at least one image"):
            metric(X[:0], Y[:0])
        with pytest.raises(ValueError, match=r"y holds NaN or infinite values \(first in row 1\)"):
            metric(X, np.where(np.arange(3)[:, None, None, None] == 1, np.nan, Y))
        with pytest.raises(ValueError, match="pass data_range=255"):
            metric((X * 255).astype(np.uint8), (Y * 255).astype(np.uint8))
        for data_range in (0, -1, np.nan):
            with pytest.raises(ValueError, match="from black to white"):
                metric(X, Y, data_range)
    with pytest.raises(ValueError, match="10 x 48"):
        ssim(X[:, :, :10], Y[:, :, :10])
    with pytest.raises(ValueError, match="luma needs 3"):
        luma(X[:, :1])
    with pytest.raises(ValueError, match="at least one image"):
        eight_bit(X[0])
