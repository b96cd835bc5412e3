"""Information-quality ratios and the selection of levels against mutual information of pixel lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from everymode.dissection import PixelCounts, information_quality, selected_levels, unit_levels
from everymode.dissection.quality import QUALITY_TAILS

VECTORS = np.load(Path(__file__).parents[1] / "vectors_inversion.npz")
ACT = torch.from_numpy(VECTORS["dissect.top005.act"])
SEG = torch.from_numpy(VECTORS["dissect.top005.seg"])


def ratio(on: np.ndarray, shown: np.ndarray) -> float:
    information = entropy = 0.0
    for i in (False, True):
        for j in (False, True):
            share = np.mean((on == i) & (shown == j))
            if share > 0:
                information += share * np.log(share / (np.mean(on == i) * np.mean(shown == j)))
                entropy -= share * np.log(share)
    return information / entropy if entropy > 0 else 0.0


def test_ratios_agree_with_lists_of_pixels_and_nearly_with_the_released_ones() -> None:
    levels = torch.from_numpy(VECTORS["dissect.top005.levels_float64"])
    counts = PixelCounts(levels[None], 8)
    counts.add(ACT, SEG)
    quality = information_quality(counts)[0].numpy()
    on = (F.interpolate(ACT, (24, 24), mode="bilinear") > levels[:, None, None]).numpy()
    for label in range(1, 8):
        shown = (label == SEG).any(1).numpy().ravel()
        for unit in range(0, 12, 3):
            assert quality[label, unit] == pytest.approx(ratio(on[:, unit].ravel(), shown), abs=1e-12)
    released = VECTORS["dissect.top005.iqr_refcode"]
    assert np.abs(quality - released)[1:5].max() < 0.004


def test_levels_are_selected_by_the_largest_ratio_that_qualifies() -> None:
    levels = unit_levels(ACT, QUALITY_TAILS)
    counts = PixelCounts(levels, 8)
    counts.add(ACT, SEG)
    selected = selected_levels(counts, levels)
    large = F.interpolate(ACT, (24, 24), mode="bilinear").numpy()
    for label, unit in ((2, 1), (6, 5)):
        shown = (label == SEG).any(1).numpy().ravel()
        best, at = -1.0, np.nan
        for level in levels[:, unit].tolist():
            on = large[:, unit].ravel() > level
            if (on == shown).mean() > 0.8 and level > 0 and ratio(on, shown) > best + 1e-12:
                best, at = ratio(on, shown), level
        assert selected.quality[label, unit].item() == pytest.approx(best, abs=1e-12)
        assert selected.level[label, unit].item() == pytest.approx(at, abs=1e-12)
        assert selected.level[label, unit] == levels[selected.number[label, unit], unit]


def test_no_level_qualifies_below_zero() -> None:
    levels = torch.tensor([[-1.0], [-2.0]])
    counts = PixelCounts(levels, 1)
    counts.add(torch.zeros(1, 1, 2, 2) - 3, torch.zeros(1, 2, 2, dtype=torch.int64))
    selected = selected_levels(counts, levels)
    assert selected.number.item() == -1
    assert selected.level.isnan().all()
    assert not selected.quality.any()
    assert information_quality(counts).tolist() == [[[0.0]], [[0.0]]]


def test_a_unit_that_is_the_label_has_the_ratio_1() -> None:
    counts = PixelCounts(torch.tensor([[0.5]]), 2)
    maps = torch.tensor([[[0, 1, 1, 0]]])
    counts.add(maps[:, None].double(), maps)
    torch.testing.assert_close(information_quality(counts), torch.ones(1, 2, 1, dtype=torch.float64))
