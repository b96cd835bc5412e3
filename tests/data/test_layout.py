"""Layouts of arrays: detected, declared, or rejected as ambiguous."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everymode.data import DataError, open_images
from everymode.data.layout import channels_first
from everymode.data.synthetic import in_memory


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 1, 8, 1), (5, 3, 8, 3)])
def test_ambiguous_arrays_need_a_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    with pytest.raises(DataError, match=r"a\.npy.*ambiguous.*layout=\"NCHW\" or layout=\"NHWC\"") as raised:
        open_images(tmp_path / "a.npy", progress=False)
    assert ("save gray images as [N, H, W]" in str(raised.value)) == (1 in shape)
    first = open_images(tmp_path / "a.npy", layout="NCHW", progress=False)
    np.testing.assert_array_equal(first.images, pixels)
    last = open_images(tmp_path / "a.npy", layout="NHWC", channels=shape[3], progress=False)
    np.testing.assert_array_equal(last.images, pixels.transpose(0, 3, 1, 2))


def test_a_layout_must_fit_the_shape_and_the_data(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 8, 8, 3), np.uint8))
    assert open_images(tmp_path / "a.npy", progress=False).image_shape == (3, 8, 8)
    with pytest.raises(DataError, match=r"with layout='NCHW' images must be \[N, C, H, W\]"):
        open_images(tmp_path / "a.npy", layout="NCHW", progress=False)
    with pytest.raises(ValueError, match='choose "NCHW", "NHWC" or None'):
        open_images(tmp_path / "a.npy", layout="HWC", progress=False)  # pyright: ignore[reportArgumentType]
    np.save(tmp_path / "points.npy", np.zeros((5, 2)))
    with pytest.raises(DataError, match="points, which have no layout"):
        open_images(tmp_path / "points.npy", layout="NCHW", progress=False)
    for other in ("digits", tmp_path, f"stacked:{tmp_path}"):
        with pytest.raises(ValueError, match="no layout; omit layout"):
            open_images(other, layout="NHWC", progress=False)
    with pytest.raises(DataError, match=r"images must be \[N, H, W\], \[N, H, W, C\] or \[N, C, H, W\]"):
        channels_first(np.zeros((2, 5, 5, 5)), "x")


def test_arrays_in_memory_declare_channels_last() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(5)
    with pytest.raises(ValueError, match=r'mine: images have shape \[5, 8, 8, 3\].*layout="NHWC"'):
        in_memory("mine", pixels, labels, "abcde")
    dataset = in_memory("mine", pixels, labels, "abcde", layout="NHWC")
    np.testing.assert_array_equal(dataset.images, pixels.transpose(0, 3, 1, 2))
    same = in_memory("mine", pixels.transpose(0, 3, 1, 2), labels, "abcde")
    assert dataset.fingerprint == same.fingerprint
