"""Confusion matrix, IoU and accuracies: stored values, wrong rules for contrast, and counts pixel by pixel."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.metrics import (
    confusion_matrix,
    frequency_weighted_iou,
    iou_per_class,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
)

VECTORS = np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz")
TRUTH, PRED, K = (VECTORS[f"translation.miou_{name}"] for name in ("gt", "pred", "k"))
MATRIX = confusion_matrix(PRED, TRUTH, int(K))


def test_stored_values() -> None:
    np.testing.assert_array_equal(MATRIX, VECTORS["translation.miou_confusion"])
    np.testing.assert_allclose(iou_per_class(MATRIX), VECTORS["translation.miou_iou"], rtol=1e-12)
    np.testing.assert_allclose(mean_iou(MATRIX), VECTORS["translation.miou_mean"], rtol=1e-12)


def test_two_other_rules_give_other_numbers() -> None:
    per_image = [mean_iou(confusion_matrix(p, t, int(K))) for p, t in zip(PRED, TRUTH, strict=True)]
    assert abs(np.mean(per_image) - mean_iou(MATRIX)) > 1e-5
    void_as_error = confusion_matrix(PRED, np.where(TRUTH == 255, 5, TRUTH), 6, ignore=None)
    assert mean_iou(np.asarray(void_as_error)[:5, :5]) == pytest.approx(mean_iou(MATRIX))
    assert mean_iou(void_as_error) < mean_iou(MATRIX) - 0.05


def test_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [1, 1, 255, 3]])
    pred = np.array([[0, 1, 1, 1], [1, 2, 0, 3]])
    matrix = confusion_matrix(pred, truth, 5)
    expected = np.zeros((5, 5), int)
    expected[0, 0] = expected[0, 1] = expected[1, 2] = expected[3, 3] = 1
    expected[1, 1] = 3
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_allclose(iou_per_class(matrix), [1 / 2, 3 / 5, 0, 1, np.nan])
    assert mean_iou(matrix) == pytest.approx(2.1 / 4)  # class 2 is predicted, so it counts; class 4 does not
    assert pixel_accuracy(matrix) == pytest.approx(5 / 7)
    assert mean_class_accuracy(matrix) == pytest.approx((1 / 2 + 3 / 4 + 1) / 3)
    assert frequency_weighted_iou(matrix) == pytest.approx((2 * 1 / 2 + 4 * 3 / 5 + 1) / 7)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 5), st.lists(st.integers(0, 4), max_size=3))
def test_against_a_count_of_every_pixel(data: st.DataObject, k: int, shape: list[int]) -> None:
    void = data.draw(st.sampled_from([255, 0, -1, None]))
    size = math.prod(shape)
    label = st.integers(0, k - 1)
    pred = data.draw(st.lists(label, min_size=size, max_size=size))
    true = data.draw(st.lists(label if void is None else label | st.just(void), min_size=size, max_size=size))
    expected = [[0] * k for _ in range(k)]
    for t, p in zip(true, pred, strict=True):
        if t != void:
            expected[t][p] += 1
    arrays = np.array(pred, np.int64).reshape(shape), np.array(true, np.int64).reshape(shape)
    matrix = confusion_matrix(*arrays, k, void)
    assert matrix.tolist() == expected
    ious = np.asarray(iou_per_class(matrix))
    for c in range(k):
        either = {i for i, p in enumerate(pred) if true[i] != void and c in (p, true[i])}
        both = {i for i in either if pred[i] == true[i]}
        assert math.isnan(ious[c]) if not either else ious[c] == pytest.approx(len(both) / len(either))
    if np.isnan(ious).all():
        assert math.isnan(mean_iou(matrix)) and math.isnan(pixel_accuracy(matrix))
    else:
        assert mean_iou(matrix) == pytest.approx(np.nanmean(ious))


def test_batches_types_and_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    total = sum(np.asarray(confusion_matrix(p, t, 5)) for p, t in zip(PRED, TRUTH, strict=True))
    np.testing.assert_array_equal(total, MATRIX)
    for dtype in (torch.uint8, torch.int32, torch.int64):
        matrix = confusion_matrix(torch.from_numpy(PRED).to(dtype), torch.from_numpy(TRUTH).to(dtype), 5)
        assert isinstance(matrix, torch.Tensor) and matrix.dtype == torch.int64
        np.testing.assert_array_equal(matrix.numpy(), MATRIX)
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 100)
    np.testing.assert_array_equal(confusion_matrix(PRED, TRUTH, 5), MATRIX)
    assert isinstance(iou_per_class(torch.from_numpy(np.asarray(MATRIX))), torch.Tensor)


def test_a_void_pixel_is_dropped_whatever_is_predicted() -> None:
    perfect = confusion_matrix(TRUTH, TRUTH, 5)
    assert pixel_accuracy(perfect) == 1
    assert int(np.asarray(perfect).sum()) == int((TRUTH != 255).sum())


def test_mistakes_raise() -> None:
    with pytest.raises(ValueError, match="pred holds classes from 0 to 4"):
        confusion_matrix(np.array([0, 4]), np.array([0, 1]), 4)
    with pytest.raises(ValueError, match="pred holds classes from 255"):
        confusion_matrix(np.array([255]), np.array([0]), 4)
    with pytest.raises(ValueError, match="pred holds classes from -1"):
        confusion_matrix(np.array([-1]), np.array([0]), 4)
    with pytest.raises(ValueError, match=r"truth holds classes .* or 255 for void"):
        confusion_matrix(np.array([0]), np.array([254]), 4)
    with pytest.raises(ValueError, match="maps of one size"):
        confusion_matrix(PRED[:, :10], TRUTH, 5)
    with pytest.raises(ValueError, match="argmax"):
        confusion_matrix(PRED.astype(float), TRUTH, 5)
    with pytest.raises(ValueError, match="at least 1"):
        confusion_matrix(PRED, TRUTH, 0)
    for wrong in (np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))):
        with pytest.raises(ValueError, match=r"\[k, k\] is needed"):
            mean_iou(wrong)
    with pytest.raises(ValueError, match="negative"):
        iou_per_class(-np.eye(2))
    with pytest.raises(ValueError, match="NaN"):
        pixel_accuracy(np.full((2, 2), np.nan))
