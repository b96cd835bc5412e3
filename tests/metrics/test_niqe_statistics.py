"""NIQE's features: stored values of a photograph, its steps, fits of known distributions, and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import torch

from everymode.metrics import niqe_features
from everymode.metrics.niqe_statistics import (
    block_sharpness,
    fitted_gaussians,
    gaussian_window,
    normalized_luma,
)

VECTORS = {
    name.rpartition(".")[2]: value
    for name, value in np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz").items()
    if ".niqe_" in name
}
PHOTOGRAPH = VECTORS["niqe_a_rgb"]
FEATURES = niqe_features(PHOTOGRAPH)


def luma(rgb: np.ndarray) -> np.ndarray:
    return np.round(16 + rgb.astype(float) @ [65.481, 128.553, 24.966] / 255)


def test_stored_features() -> None:
    assert FEATURES.shape == (6, 36) and FEATURES.dtype == np.float64
    np.testing.assert_allclose(FEATURES, VECTORS["niqe_a_features"], atol=1e-9)


def test_steps() -> None:
    np.testing.assert_allclose(gaussian_window(), VECTORS["niqe_window"], rtol=1e-14)
    normalized = normalized_luma(luma(PHOTOGRAPH)[:192, :288])
    np.testing.assert_allclose(normalized[:96, :96], VECTORS["niqe_a_mscn_first_block"], atol=1e-10)
    block = VECTORS["niqe_a_mscn_first_block"]
    products = np.stack([block, block * np.roll(block, 1, 1), block * np.roll(block, 2, 1)])
    fits = np.stack(fitted_gaussians(products), axis=1)
    np.testing.assert_allclose(fits, VECTORS["niqe_aggd_of_block_shift012"], atol=1e-10)


def test_layouts_types_and_the_part_that_counts() -> None:
    for same in (
        PHOTOGRAPH.transpose(2, 0, 1),
        torch.from_numpy(PHOTOGRAPH),
        PHOTOGRAPH.astype(np.float32) + 0.4,
        PHOTOGRAPH[:193, :299],
        np.pad(PHOTOGRAPH, ((0, 80), (0, 0), (0, 0))),
    ):
        np.testing.assert_array_equal(niqe_features(same), FEATURES)
    padded = np.pad(PHOTOGRAPH, ((7, 7), (7, 7), (0, 0)))
    np.testing.assert_array_equal(niqe_features(padded, crop=7), FEATURES)


def test_blocks_are_read_column_by_column() -> None:
    # Only the window at the borders sees another block, so the second column alone gives nearly its rows.
    column = niqe_features(np.concatenate([PHOTOGRAPH[:, 96:288], PHOTOGRAPH[:, :96]], axis=1))
    shapes = [0, 2, 6, 10, 14, 18, 20, 24, 28, 32]
    np.testing.assert_allclose(column[:4, shapes], FEATURES[2:, shapes], atol=0.1)
    assert abs(column[:4, shapes] - FEATURES[:4, shapes]).max() > 0.5


@pytest.mark.parametrize(("shape", "left", "right"), [(2.0, 1.0, 1.0), (1.0, 0.5, 2.0), (0.6, 3.0, 1.0)])
def test_fits_of_known_distributions(shape: float, left: float, right: float) -> None:
    # |x| / beta is a gamma variable to the power 1 / alpha; quantiles, so that nothing depends on chance. Each side has
    # a share of the values that is proportional to its beta.
    def side(count: int) -> np.ndarray:
        return scipy.special.gammaincinv(1 / shape, (np.arange(count) + 0.5) / count) ** (1 / shape)

    values = np.concatenate([-left * side(round(50_000 * left)), right * side(round(50_000 * right))])
    alpha, beta_left, beta_right = fitted_gaussians(values[None, None])
    np.testing.assert_allclose(alpha, shape, rtol=0.02)
    np.testing.assert_allclose([beta_left[0], beta_right[0]], [left, right], rtol=0.04)


def test_flat_blocks_have_no_features() -> None:
    half_flat = PHOTOGRAPH.copy()
    half_flat[:, :110] = 0  # luma 16 exactly, whose local mean is exact as well
    features = niqe_features(half_flat)
    assert np.isnan(features[:2]).any(1).all()
    assert np.isfinite(features[2:]).all()
    alpha, left, right = fitted_gaussians(np.zeros((1, 4, 4)))
    assert alpha[0] == 0.2 and np.isnan(left).all() and np.isnan(right).all()


def test_sharpness_is_the_mean_local_deviation() -> None:
    values = luma(PHOTOGRAPH)[:192, :288]
    window = VECTORS["niqe_window"]
    mean = scipy.ndimage.correlate(values, window, mode="nearest")
    deviation = np.sqrt(abs(scipy.ndimage.correlate(values**2, window, mode="nearest") - mean**2))
    expected = [deviation[y : y + 96, x : x + 96].mean() for x in (0, 96, 192) for y in (0, 96)]
    np.testing.assert_allclose(block_sharpness(PHOTOGRAPH), expected, rtol=1e-9)


def test_mistakes_raise() -> None:
    for wrong in (PHOTOGRAPH[None], PHOTOGRAPH[..., 0], PHOTOGRAPH[..., :2]):
        with pytest.raises(ValueError, match="one RGB picture"):
            niqe_features(wrong)
    with pytest.raises(ValueError, match="191 x 300"):
        niqe_features(PHOTOGRAPH[:191])
    with pytest.raises(ValueError, match="at least 192 x 192"):
        niqe_features(PHOTOGRAPH, crop=5)
    with pytest.raises(ValueError, match="at least 192 x 192"):
        niqe_features(PHOTOGRAPH, crop=-1)
    for wrong in (PHOTOGRAPH / 255, PHOTOGRAPH / 127.5 - 1, PHOTOGRAPH.astype(np.uint16) * 257):
        with pytest.raises(ValueError, match=r"give 0 \.\. 255"):
            niqe_features(wrong)
    with pytest.raises(ValueError, match="NaN"):
        niqe_features(PHOTOGRAPH * np.nan)
