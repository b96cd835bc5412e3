"""Bicubic resizing: stored values, the definition written out per pixel, identities, gradients and mistakes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.pixels import bicubic_resize

VECTORS = np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz")
X, DOWN4 = VECTORS["translation.bic_x"], VECTORS["translation.bic_down4"]


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def line_by_definition(line: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Sum over all pixels of the endlessly mirrored line, pixel by pixel."""
    count, shrinking = len(line), min(scale, 1.0)
    mirrored = np.concatenate([line, line[::-1]])
    reach = math.ceil(2 / shrinking) + 2
    result = []
    for i in range(size):
        center = (i + 0.5) / scale - 0.5
        near = range(math.floor(center) - reach, math.ceil(center) + reach + 1)
        weights = np.array([keys((center - j) * shrinking) for j in near])
        result.append((weights * mirrored[[j % (2 * count) for j in near]]).sum() / weights.sum())
    return np.array(result)


@pytest.mark.parametrize("target", [0.25, (8, 10)])
def test_stored_values(target: float | tuple[int, int]) -> None:
    np.testing.assert_allclose(bicubic_resize(X, target), DOWN4, atol=2e-6)
    single = bicubic_resize(torch.from_numpy(X).float(), target)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), DOWN4, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.one_of(st.floats(0.1, 4.0), st.tuples(*[st.integers(1, 12)] * 2))
)
def test_any_scale_and_size_by_the_definition(
    height: int, width: int, target: float | tuple[int, int]
) -> None:
    picture = np.random.default_rng(height * 16 + width).random((2, height, width))
    if isinstance(target, tuple):
        sizes, scales = target, (target[0] / height, target[1] / width)
    else:
        sizes, scales = tuple(math.ceil(round(target * n, 9)) for n in (height, width)), (target, target)
    expected = np.apply_along_axis(line_by_definition, 1, picture, sizes[0], scales[0])
    expected = np.apply_along_axis(line_by_definition, 2, expected, sizes[1], scales[1])
    np.testing.assert_allclose(bicubic_resize(picture, target), expected, atol=1e-12)


def test_known_rows() -> None:
    row = np.array([[0.0, 0, 0, 1, 0, 0, 0, 0]])
    # Doubled: centers 2.75 and 3.25 for outputs 6 and 7, distance 0.25 from the bright pixel.
    doubled = bicubic_resize(row, (1, 16))[0]
    np.testing.assert_allclose(doubled[[6, 7]], keys(0.25), rtol=1e-12)
    np.testing.assert_allclose(doubled[4:6], [keys(1.25), keys(0.75)], rtol=1e-12)
    # Halved: the kernel is twice as wide; its taps at -1.75, -1.25, ... 1.75 sum to 2.
    np.testing.assert_allclose(bicubic_resize(row, (1, 4))[0, 1], keys(0.25) / 2, rtol=1e-12)


def test_identities() -> None:
    np.testing.assert_allclose(bicubic_resize(X, 1.0), X, atol=1e-15)
    np.testing.assert_allclose(bicubic_resize(np.full((2, 7, 5), 0.3), (13, 3)), 0.3, rtol=1e-12)
    np.testing.assert_allclose(
        bicubic_resize(X[:, ::-1, ::-1], 0.5), bicubic_resize(X, 0.5)[:, ::-1, ::-1], atol=1e-12
    )
    np.testing.assert_allclose(
        bicubic_resize(X.transpose(0, 2, 1), 1.5), bicubic_resize(X, 1.5).transpose(0, 2, 1), atol=1e-12
    )
    # Between borders an enlarged ramp is a ramp.
    ramp = bicubic_resize(np.arange(20.0)[None], (1, 40))[0, 8:-8]
    np.testing.assert_allclose(np.diff(ramp), 0.5, rtol=1e-12)


def test_the_scale_gives_the_size_that_is_meant() -> None:
    picture = np.zeros((1, 100, 33))
    assert bicubic_resize(picture, 0.07).shape == (1, 7, 3)
    assert bicubic_resize(picture, 1 / 3).shape == (1, 34, 11)
    assert bicubic_resize(picture, 1e-3).shape == (1, 1, 1)


def test_eight_bit_pictures_are_rounded_once_and_clipped() -> None:
    pixels = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (3, 20, 17))
    for target in (2.0, 0.5, (13, 40)):
        exact = bicubic_resize(pixels.astype(np.float64), target)
        result = bicubic_resize(pixels, target)
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, np.clip(np.floor(exact + 0.5), 0, 255))
    assert bicubic_resize(pixels.astype(np.float64), 2.0).max() > 255
    assert bicubic_resize(pixels.astype(np.int32), 2.0).dtype == np.float64
    tensor = bicubic_resize(torch.from_numpy(pixels), 0.5)
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.numpy(), bicubic_resize(pixels, 0.5))
    read_only = np.broadcast_to(pixels[:, :1, :1], pixels.shape)
    assert (bicubic_resize(read_only, 0.5) == pixels[:, :1, :1]).all()


def test_gradients_flow() -> None:
    picture = torch.rand(2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for target in (0.5, (7, 4)):
        assert torch.autograd.gradcheck(
            lambda x, target=target: bicubic_resize(x, target), (picture.requires_grad_(),)
        )


def test_mistakes_raise() -> None:
    for scale in (0, -1, 1e-6, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive and finite"):
            bicubic_resize(X, scale)
    for size in ((3,), (3, 0), (2.5, 3), (1, 2, 3)):
        with pytest.raises(ValueError, match="two integers"):
            bicubic_resize(X, size)  # type: ignore[arg-type]
    for picture in (X[0, 0], X[:, :0], X.astype(complex)):
        with pytest.raises(ValueError, match="real numbers"):
            bicubic_resize(picture, 0.5)
