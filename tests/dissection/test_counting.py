"""Pixel counts and IoU against the reference arrays and loops over pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from everymode.dissection import PixelCounts, unit_iou

VECTORS = np.load(Path(__file__).parents[1] / "vectors_inversion.npz")


def stored(name: str) -> torch.Tensor:
    return torch.from_numpy(VECTORS[f"dissect.top005.{name}"])


def test_counts_and_iou_agree_with_the_reference() -> None:
    counts = PixelCounts(stored("levels_float64")[None], 8)
    counts.add(stored("act"), stored("seg"))
    assert torch.equal(counts.labels[1:], stored("label_pixels")[1:])
    assert torch.equal(counts.on()[0], stored("activation_pixels"))
    assert torch.equal(counts.both()[0, 1:], stored("intersections")[1:])
    torch.testing.assert_close(counts.iou()[0], stored("iou"), rtol=0, atol=1e-12)
    iou = unit_iou(stored("act"), VECTORS["dissect.top005.seg"], stored("levels"), 8)
    torch.testing.assert_close(iou, stored("iou"), rtol=0, atol=1e-12)


def brute(act: np.ndarray, maps: np.ndarray, level: float, unit: int, label: int) -> float:
    large = F.interpolate(torch.from_numpy(act), maps.shape[-2:], mode="bilinear").numpy()
    both = either = 0
    for n, y, x in np.ndindex(len(maps), *maps.shape[-2:]):
        shown = np.atleast_1d(maps[n, ..., y, x])
        if (shown == 255).all():
            continue
        on, here = large[n, unit, y, x] > level, label in shown
        both += on and here
        either += on or here
    return both / either if either else 0.0


@pytest.mark.parametrize("channels", [None, 1, 2])
def test_iou_agrees_with_a_loop_over_pixels(channels: int | None) -> None:
    random = np.random.default_rng(0)
    act = random.normal(size=(3, 4, 3, 2))
    maps = random.integers(0, 4, (3, *([] if channels is None else [channels]), 7, 5)).astype(np.uint8)
    maps[random.random(maps.shape) < 0.2] = 255
    levels = random.normal(size=4) * 0.3
    iou = unit_iou(act, maps, levels, 4)
    for unit in range(4):
        for label in range(4 if channels is None else 1, 4):
            expected = brute(act, maps, levels[unit], unit, label)
            if label == 0 and channels is not None:
                expected = 0.0
            assert iou[label, unit].item() == pytest.approx(expected, abs=1e-12)
    if channels is not None:
        assert not iou[0].any()


def test_batches_and_several_levels_give_the_same_counts() -> None:
    random = torch.Generator().manual_seed(0)
    act = torch.randn(5, 3, 4, 4, generator=random)
    maps = torch.randint(0, 3, (5, 8, 8), generator=random)
    levels = torch.tensor([[0.5, 0.1, 0.2], [-1.0, 0.0, 3.0], [0.7, -2.0, 0.2]], dtype=torch.float64)
    whole = PixelCounts(levels, 3)
    for part, some in zip(act.split(2), maps.split(2), strict=True):
        whole.add(part, some)
    for number, each in enumerate(levels):
        torch.testing.assert_close(whole.iou()[number], unit_iou(act, maps, each, 3))
    assert whole.total == 5 * 64


def test_the_level_itself_is_off() -> None:
    act = torch.tensor([[[[1.0, 2.0]]]])
    maps = torch.zeros(1, 1, 2, dtype=torch.int64)
    counts = PixelCounts(torch.tensor([[1.0], [2.0], [0.999]]), 1)
    counts.add(act, maps)
    assert counts.on()[:, 0].tolist() == [1, 0, 2]


def test_without_a_level_a_unit_is_nowhere_on() -> None:
    act = torch.tensor([[[[1.0, 2.0]]]]).expand(1, 2, 1, 2)
    counts = PixelCounts(torch.tensor([[torch.nan, 1.5], [0.0, torch.nan]]), 1)
    counts.add(act, torch.zeros(1, 1, 2, dtype=torch.int64))
    assert counts.on().tolist() == [[0, 1], [2, 0]]


def test_none_and_void() -> None:
    act = torch.ones(1, 1, 1, 4)
    maps = torch.tensor([[[0, 1, 255, 1]]])
    assert unit_iou(act, maps, torch.zeros(1), 2)[:, 0].tolist() == [1 / 3, 2 / 3]
    assert unit_iou(act, maps, torch.zeros(1), 2, none=0)[:, 0].tolist() == [0, 2 / 3]
    many = unit_iou(act, maps, torch.zeros(1), 300)
    assert many[255, 0].item() == 0.25
    twice = torch.tensor([[[[1, 1]], [[1, 0]]]])
    assert unit_iou(act[..., :2], twice, torch.zeros(1), 2)[1, 0].item() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activations": torch.zeros(2, 3, 4)}, "are needed"),
        ({"activations": torch.zeros(2, 2, 4, 4)}, "are needed"),
        ({"maps": torch.zeros(3, 4, 4, dtype=torch.int64)}, "one map"),
        ({"maps": torch.zeros(2, 4, 4)}, "integers"),
        ({"maps": torch.full((2, 4, 4), 2)}, "maps hold 2"),
        ({"maps": torch.full((2, 4, 4), -1)}, "maps hold -1"),
        ({"levels": torch.zeros(1, 3)}, "one per unit"),
        ({"num_labels": 0}, "num_labels is 0"),
        ({"none": 2}, "none 2"),
    ],
)
def test_bad_input_is_named(change: dict, message: str) -> None:
    arguments = {
        "activations": torch.zeros(2, 3, 4, 4),
        "maps": torch.zeros(2, 4, 4, dtype=torch.int64),
        "levels": torch.zeros(3),
        "num_labels": 2,
    }
    with pytest.raises(ValueError, match=message):
        unit_iou(**(arguments | change))
