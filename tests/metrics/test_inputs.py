"""Inputs that metrics accept and reject: dtypes, shapes, NaN, labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

import everymode.metrics as metrics
from everymode.metrics.inputs import TILE_NUMBERS, as_tensor, check_levels, feature_rows, row_labels, tiles

PAIR_METRICS: dict[str, Callable] = {
    "frechet": metrics.frechet_distance,
    "parts": metrics.frechet_parts,
    "extrapolated": partial(metrics.frechet_distance_extrapolated, points=3),
    "kernel": metrics.kernel_distance,
    "subsets": partial(metrics.kernel_distance_subsets, subset_size=2, subsets=2),
    "cmmd": metrics.cmmd,
    "precision": metrics.precision_recall,
    "density": metrics.density_coverage,
}
RANDOM = np.random.default_rng(3)
REAL, FAKE = RANDOM.standard_normal((40, 4)), RANDOM.standard_normal((30, 4)) + 0.3


@pytest.mark.parametrize("name", PAIR_METRICS)
def test_every_float_type_tensor_and_array_gives_one_answer(name: str) -> None:
    metric = PAIR_METRICS[name]
    # float16 represents these values exactly.
    real, fake = np.round(REAL * 64) / 64, np.round(FAKE * 64) / 64
    expected = np.asarray(metric(real, fake))
    for kind in (np.float16, np.float32, np.longdouble, ">f4"):
        np.testing.assert_array_equal(np.asarray(metric(real.astype(kind), fake.astype(kind))), expected)
    for kind in (torch.float16, torch.float32, torch.float64):
        tensors = (torch.tensor(side, requires_grad=True).to(kind) for side in (real, fake))
        np.testing.assert_array_equal(np.asarray(metric(*tensors)), expected)
    np.testing.assert_array_equal(np.asarray(metric(real.tolist(), np.asfortranarray(fake))), expected)


@pytest.mark.parametrize("name", PAIR_METRICS)
def test_bad_features_raise(name: str) -> None:
    metric = PAIR_METRICS[name]
    for bad in (np.nan, np.inf):
        broken = FAKE.copy()
        broken[7, 2] = bad
        with pytest.raises(ValueError, match=r"fake holds NaN or infinite values \(first in row 7\)"):
            metric(REAL, broken)
        with pytest.raises(ValueError, match="real holds NaN"):
            metric(broken, REAL)
    with pytest.raises(ValueError, match="real has 4 features per row and fake 3"):
        metric(REAL, FAKE[:, :3])
    for few in (0, 1):
        with pytest.raises(ValueError, match=f"fake has {few} rows; this metric needs at least 2"):
            metric(REAL, FAKE[:few])
        with pytest.raises(ValueError, match=f"real has {few} rows"):
            metric(REAL[:few], FAKE)
    with pytest.raises(ValueError, match=r"one row per sample, \[N, F\]"):
        metric(REAL.reshape(40, 2, 2), FAKE)
    with pytest.raises(ValueError, match="real numbers"):
        metric(REAL.astype(complex), FAKE)
    with pytest.raises(ValueError, match="without any number"):
        metric(REAL[:, :0], FAKE[:, :0])


@pytest.mark.parametrize("name", PAIR_METRICS)
def test_inputs_are_never_written_to(name: str) -> None:
    real, fake = REAL.copy(), FAKE.copy()
    real.flags.writeable = fake.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PAIR_METRICS[name](real, fake)
    tensors = torch.from_numpy(REAL.copy()), torch.from_numpy(FAKE.copy())
    PAIR_METRICS[name](*tensors)
    np.testing.assert_array_equal(tensors[0].numpy(), REAL)
    np.testing.assert_array_equal(tensors[1].numpy(), FAKE)


@pytest.mark.parametrize("name", ["frechet", "kernel", "cmmd", "precision", "density"])
def test_the_order_of_samples_and_of_features_does_not_matter(name: str) -> None:
    rows, columns = np.random.default_rng(1).permutation(40), [2, 0, 3, 1]
    metric = PAIR_METRICS[name]
    np.testing.assert_allclose(
        metric(REAL[rows][:, columns], FAKE[::-1][:, columns]), metric(REAL, FAKE), rtol=1e-11
    )


@pytest.mark.parametrize("name", PAIR_METRICS)
def test_small_tiles_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.asarray(PAIR_METRICS[name](REAL, FAKE))
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 50)
    monkeypatch.setattr("everymode.metrics.kernel._TILE_ROWS", 7)
    np.testing.assert_allclose(np.asarray(PAIR_METRICS[name](REAL, FAKE)), whole, rtol=1e-12)


@pytest.mark.parametrize("name", ["frechet", "kernel", "precision", "density"])
def test_features_too_large_for_the_arithmetic_raise(name: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        PAIR_METRICS[name](REAL * 1e200, FAKE * 1e200)


def test_complex_tensors_and_text_raise() -> None:
    with pytest.raises(ValueError, match="complex"):
        as_tensor("x", torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(ValueError, match="x is of type"):
        as_tensor("x", np.array(["a"]))


def test_a_nan_is_found_beyond_the_first_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 6)
    rows = np.zeros((10, 3))
    rows[9, 0] = np.nan
    with pytest.raises(ValueError, match="row 9"):
        feature_rows("points", rows)


def test_tiles_cover_everything_once() -> None:
    for total, width in ((0, 3), (1, 10**9), (10, TILE_NUMBERS // 4), (5, 1)):
        seen = [row for part in tiles(total, width) for row in range(part.start, part.stop)]
        assert seen == list(range(total))


def test_labels_are_integers_one_for_each_row() -> None:
    assert row_labels("labels", torch.tensor([1, 2], dtype=torch.uint8)).dtype == np.int64
    for wrong in (np.zeros(3), np.zeros((3, 1), int)):
        with pytest.raises(ValueError, match="one integer per row"):
            row_labels("labels", wrong)
    with pytest.raises(ValueError, match="labels has 2 labels for 3 rows"):
        row_labels("labels", [0, 1], rows=3)


def test_names_are_reached_from_the_package() -> None:
    for name in metrics.__all__:
        result = getattr(metrics, name)
        assert callable(result), f"{name} is hidden by a module of the same name"
        assert result.__module__.startswith("everymode.metrics.")
    with pytest.raises(AttributeError, match="fid"):
        metrics.fid  # noqa: B018


def test_levels_are_those_of_8_bits() -> None:
    for good in ([0.0, 255.0], [-12.3, 270.0], [0.0, 1.0], [], [0, 1], np.array([0, 255], np.uint16)):
        check_levels("x", torch.as_tensor(np.asarray(good)))
    for bad in ([0.0, 0.5], [-1.0, 0.3, 1.0], [0, 65535], [-200.0, 10.0], np.array([0, 65535], np.uint16)):
        with pytest.raises(ValueError, match=r"x runs from .* give 0 \.\. 255"):
            check_levels("x", torch.as_tensor(np.asarray(bad)))
