"""Frechet Segmentation Distance: stored values, counts by hand, and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.metrics import frechet_parts, relative_area_change, segment_areas, segmentation_distance

VECTORS = {
    name.rpartition(".")[2]: value
    for name, value in np.load(Path(__file__).parents[1] / "vectors_picture_scores.npz").items()
    if ".fsd." in name
}
REAL, FAKE = (segment_areas(VECTORS[f"{side}_maps"], 7) for side in ("real", "fake"))


def test_stored_values() -> None:
    np.testing.assert_allclose(REAL, VECTORS["real_table"], rtol=1e-14)
    np.testing.assert_allclose(FAKE, VECTORS["fake_table"], rtol=1e-14)
    np.testing.assert_allclose(segmentation_distance(REAL, FAKE), VECTORS["value"], atol=1e-9, rtol=0)
    parts = frechet_parts(100 * np.asarray(REAL), 100 * np.asarray(FAKE))
    np.testing.assert_allclose(parts, (VECTORS["mean_part"], VECTORS["cov_part"]), atol=1e-9, rtol=0)
    np.testing.assert_allclose(relative_area_change(REAL, FAKE), VECTORS["relative_change"], rtol=1e-9)


def test_areas_by_hand() -> None:
    maps = np.array([[[0, 1, 1], [3, 1, 0]], [[2, 2, 2], [2, 2, 2]]], np.uint8)
    expected = [[2 / 6, 3 / 6, 0, 1 / 6], [0, 0, 1, 0]]
    np.testing.assert_allclose(segment_areas(maps, 4), expected)
    np.testing.assert_allclose(segment_areas(maps.astype(np.uint16), 4), expected)
    tensor = segment_areas(torch.from_numpy(maps).long(), 5)
    assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float64
    np.testing.assert_allclose(tensor[:, :4].numpy(), expected)
    assert (tensor[:, 4] == 0).all()


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.metrics.inputs.TILE_NUMBERS", 1000)
    np.testing.assert_array_equal(segment_areas(VECTORS["real_maps"], 7), REAL)


def test_the_distance_is_of_the_scaled_shares() -> None:
    distance = segmentation_distance(REAL, FAKE)
    assert segmentation_distance(REAL, FAKE, scale=1.0) == pytest.approx(distance / 1e4)
    assert segmentation_distance(REAL, REAL) == pytest.approx(0, abs=1e-9)
    halves = segmentation_distance(np.asarray(REAL)[:35], np.asarray(REAL)[35:])
    assert 0 < halves < distance / 3
    # Two classes with shares p and 1 - p: both vary by the same amount, so the distance is twice that of p alone.
    p, q = np.array([0.1, 0.3, 0.5]), np.array([0.2, 0.2, 0.5, 0.9])
    expected = 2 * 1e4 * ((p.mean() - q.mean()) ** 2 + (p.std(ddof=1) - q.std(ddof=1)) ** 2)
    both = [np.stack([side, 1 - side], axis=1) for side in (p, q)]
    assert segmentation_distance(*both) == pytest.approx(expected)


def test_change_of_classes_by_hand() -> None:
    change = relative_area_change(np.array([[0.5, 0.5, 0.0, 0.0]]), np.array([[0.25, 0.0, 0.75, 0.0]]))
    np.testing.assert_allclose(change, [-0.5, -1, np.nan, np.nan])


def test_mistakes_raise() -> None:
    maps = VECTORS["real_maps"]
    for wrong in (maps[0], maps[:0], maps.astype(float)):
        with pytest.raises(ValueError, match=r"integers \[N, H, W\]"):
            segment_areas(wrong, 7)
    with pytest.raises(ValueError, match="void"):
        segment_areas(np.full((1, 2, 2), 255, np.uint8), 7)
    with pytest.raises(ValueError, match="labels from -1"):
        segment_areas(np.full((1, 2, 2), -1), 7)
    with pytest.raises(ValueError, match="at least 2"):
        segmentation_distance(np.asarray(REAL)[:1], FAKE)
    for scale in (0, -1, np.nan):
        with pytest.raises(ValueError, match="100 as published"):
            segmentation_distance(REAL, FAKE, scale)
