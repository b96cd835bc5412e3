"""PSNR and SSIM of luma: values by hand, the definition written out, and mistakes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch

from everymode.metrics import psnr_y, ssim_y

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(0, 255, (2, 3, 31, 26))
Y = X + RANDOM.normal(0, 20, X.shape)


def luma_by_definition(image: np.ndarray, crop: int) -> np.ndarray:
    red, green, blue = np.floor(np.clip(image, 0, 255) + 0.5)
    rounded = np.floor(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 0.5)
    return rounded[crop : rounded.shape[0] - crop, crop : rounded.shape[1] - crop]


def test_psnr_by_hand() -> None:
    gray = np.full((1, 3, 8, 8), 100, np.uint8)
    lighter = gray + 10
    # Y = 16 + 219 g / 255, rounded: 101.88 and 110.47, so 102 and 110.
    np.testing.assert_allclose(psnr_y(gray, lighter, 2), 20 * np.log10(255 / 8), rtol=1e-12)
    border = gray.copy()
    border[..., :2, :] = border[..., -2:] = 255
    assert np.isinf(psnr_y(gray, border, 2)[0])
    assert np.isfinite(psnr_y(gray, border, 1)[0])
    green = gray.copy()
    green[:, 1] += 10  # 128.553 * 110 / 255 ...: 16 + (6548.1 + 14140.83 + 2496.6) / 255 = 106.92 -> 107
    np.testing.assert_allclose(psnr_y(gray, green, 0), 20 * np.log10(255 / 5), rtol=1e-12)


@pytest.mark.parametrize("crop", [0, 2, 4])
def test_by_the_definition(crop: int) -> None:
    def blurred(image: np.ndarray) -> np.ndarray:
        return scipy.ndimage.gaussian_filter(image, 1.5, truncate=3.5)[5:-5, 5:-5]

    for x, y, noise, similarity in zip(X, Y, psnr_y(X, Y, crop), ssim_y(X, Y, crop), strict=True):
        a, b = luma_by_definition(x, crop), luma_by_definition(y, crop)
        assert noise == pytest.approx(10 * np.log10(255**2 / np.mean((a - b) ** 2)), rel=1e-12)
        ma, mb = blurred(a), blurred(b)
        va, vb, shared = blurred(a * a) - ma**2, blurred(b * b) - mb**2, blurred(a * b) - ma * mb
        c1, c2 = 2.55**2, 7.65**2
        ratio = (2 * ma * mb + c1) * (2 * shared + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
        assert similarity == pytest.approx(ratio.mean(), rel=1e-10)


def test_equal_pictures_and_types() -> None:
    assert np.isinf(psnr_y(X, X, 4)).all()
    np.testing.assert_allclose(ssim_y(X, X, 4), 1, rtol=1e-12)
    pixels = [torch.from_numpy(side.clip(0, 255).round().astype(np.uint8)) for side in (X, Y)]
    for metric in (psnr_y, ssim_y):
        result = metric(*pixels, 3)
        assert isinstance(result, torch.Tensor) and result.shape == (2,)
        np.testing.assert_allclose(result.numpy(), metric(X, Y, 3), rtol=1e-12)
        np.testing.assert_allclose(metric(X.astype(np.float32), pixels[1], 3), result, rtol=1e-12)


def test_mistakes_raise() -> None:
    for metric in (psnr_y, ssim_y):
        with pytest.raises(ValueError, match="of one shape"):
            metric(X, Y[:1], 4)
        with pytest.raises(ValueError, match="luma needs 3"):
            metric(X[:, :1], Y[:, :1], 4)
        for wrong in (X / 255, X / 127.5 - 1):
            with pytest.raises(ValueError, match=r"give 0 \.\. 255"):
                metric(X, wrong, 4)
        with pytest.raises(ValueError, match="cannot be cropped"):
            metric(X, Y, 13)
        with pytest.raises(ValueError, match="NaN"):
            metric(X, Y * np.nan, 4)
        with pytest.raises(ValueError, match="at least one image"):
            metric(X[0], Y[0], 4)
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim_y(X, Y, 8)
