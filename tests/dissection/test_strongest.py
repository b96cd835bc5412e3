"""The strongest images of every unit, against activations of all images at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from squares import COLORS, Squares

from everymode.dissection import dissect, strongest_images
from everymode.draws import Draws, Rows
from everymode.pictures import to_uint8

NUM = 40


@pytest.mark.parametrize("batch", [NUM, 7])
def test_they_are_those_of_all_images_whatever_the_batch(batch: int) -> None:
    squares = Squares()
    result = dissect(squares, COLORS, num=NUM, tail=1 / 16)
    calls = []
    found = strongest_images(squares, result, count=3, batch=batch, progress=lambda *done: calls.append(done))
    draws = Draws(0, "dissect", Rows.all(NUM))
    z, label = draws.normal("z", 3), draws.integers("label", 2)
    act = squares.activations(z, label)[0]
    images = to_uint8(squares.from_activation(0, act, label))
    layer = found.layers[0]
    peaks = act.flatten(2).amax(2).double()
    for unit in range(3):
        order = sorted(range(NUM), key=lambda row, unit=unit: (-float(peaks[row, unit]), row))[:3]
        assert layer.rows[unit].tolist() == order
        assert torch.equal(layer.peaks[unit], peaks[order, unit])
        assert torch.equal(layer.activations[unit], act[order, unit])
        assert all(torch.equal(found.images[row], images[row]) for row in order)
    assert set(found.images) == set(layer.rows.flatten().tolist())
    assert calls[-1] == (2 * NUM, 2 * NUM)


def test_a_unit_is_on_where_its_enlarged_activations_exceed_its_level() -> None:
    result = dissect(Squares(), COLORS, num=NUM, tail=1 / 16)
    layer = strongest_images(Squares(), result, count=2).layers[0]
    on = layer.on(1, (8, 8))
    enlarged = torch.nn.functional.interpolate(
        layer.activations[1][:, None].double(), (8, 8), mode="bilinear", align_corners=False
    )[:, 0]
    assert torch.equal(on, enlarged > result.layers[0].levels[1])
    assert 0 < on.sum() < on.numel()


def test_levels_of_the_other_rule_are_those_of_the_best_label() -> None:
    result = dissect(Squares(), COLORS, num=NUM, rule="iqr")
    layer = result.layers[0]
    levels = strongest_images(Squares(), result, count=1).layers[0].levels
    best = [float(layer.levels[label, unit]) for unit, label in enumerate(layer.best_label.tolist())]
    torch.testing.assert_close(levels, torch.tensor(best).double(), equal_nan=True)


def test_a_condition_is_that_of_the_dissection_and_counts_are_checked() -> None:
    result = dissect(Squares(), COLORS, num=10, label=1)
    found = strongest_images(Squares(), result, count=20)
    assert found.layers[0].rows.shape == (3, 10)
    assert all(int(image[0].min()) == 0 and not (image[0] == 255).any() for image in found.images.values())
    for wrong in ({"count": 0}, {"batch": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            strongest_images(Squares(), replace(result), **wrong)
