"""Dissection of a generator whose units are known, conditions, and changed units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from squares import COLORS, Squares
from torch import nn

from everymode.dissection import (
    Dissection,
    PixelCounts,
    changed_units,
    dissect,
    information_quality,
    selected_levels,
    unit_iou,
    unit_levels,
)
from everymode.dissection.quality import QUALITY_TAILS
from everymode.draws import Draws, Rows
from everymode.inversion import ForeignGenerator
from everymode.networks.biggan import BigGANGenerator


@pytest.fixture(scope="module")
def painted() -> Dissection:
    return dissect(Squares(), COLORS, num=40, tail=1 / 16, batch=16)


def test_units_get_their_labels(painted: Dissection) -> None:
    layer = painted.layers[0]
    assert (layer.index, layer.name, layer.exact_levels) == (0, "canvas", True)
    assert layer.best_label[1].item() == 1
    assert layer.best_iou[1] > 0.4
    assert layer.interpretable[:2].all()
    assert layer.iou.shape == (3, 3)
    assert not layer.iou[0].any()  # the ground is no label
    assert layer.best_iou[2] < layer.best_iou[1]
    assert painted.layer(0) is layer


def test_the_result_is_that_of_its_parts(painted: Dissection) -> None:
    painter = Squares()
    draws = Draws(0, "dissect", Rows.all(40))
    z, label = draws.normal("z", 3), draws.integers("label", 2)
    act = painter.activations(z, label)[0]
    maps = COLORS(painter.from_activation(0, act, label))
    levels = unit_levels(act, 1 / 16)
    assert torch.equal(painted.layers[0].levels, levels)
    assert torch.equal(painted.layers[0].iou, unit_iou(act, maps, levels, 3, none=0))
    for tail, count in painted.layers[0].curve.items():
        best = unit_iou(act, maps, unit_levels(act, tail), 3, none=0).max(0).values
        assert count == int((best > 0.04).sum())


def test_the_protocol_is_part_of_the_result(painted: Dissection) -> None:
    assert (painted.segmenter, painted.segmenter_hash) == ("palette", COLORS.weights_hash)
    assert (painted.num, painted.num_labels, painted.label, painted.rule) == (40, 3, None, "iou")


def test_batches_do_not_change_the_result(painted: Dissection) -> None:
    other = dissect(Squares(), COLORS, num=40, tail=1 / 16, batch=7)
    assert torch.equal(other.layers[0].iou, painted.layers[0].iou)
    assert not torch.equal(
        dissect(Squares(), COLORS, num=40, tail=1 / 16, seed=1).layers[0].iou, painted.layers[0].iou
    )


def test_units_that_change_with_the_condition_are_counted() -> None:
    red, blue = (dissect(Squares(), COLORS, num=20, label=label, tail=1 / 16) for label in (0, 1))
    assert red.label == 0
    assert red.layers[0].best_label[0].item() == 1
    assert blue.layers[0].best_label[0].item() == 2
    changed = changed_units([red, blue])[0]
    assert changed[0]
    assert not changed[1]  # constant under the second condition
    assert not changed_units([red, red])[0].any()


def test_changes_need_two_interpretable_conditions(painted: Dissection) -> None:
    def with_labels(*labels: int) -> Dissection:
        each = torch.tensor(labels)
        layer = replace(painted.layers[0], best_label=each.clamp(min=0), interpretable=each >= 0)
        return replace(painted, layers=(layer,))

    conditions = [with_labels(0, -1, 2), with_labels(1, 1, 2), with_labels(-1, -1, 2)]
    assert changed_units(conditions)[0].tolist() == [True, False, False]
    with pytest.raises(ValueError, match="at least two"):
        changed_units(conditions[:1])
    with pytest.raises(ValueError, match="different layers"):
        changed_units([painted, with_labels(0, 0)])


def test_the_quality_rule_selects_levels_per_label() -> None:
    result = dissect(Squares(), COLORS, num=30, rule="iqr").layers[0]
    assert result.levels.shape == (3, 3)
    assert result.quality is not None
    assert result.best_label[1].item() == 1
    assert result.interpretable[1]
    assert result.quality[1, 1] > 3 * result.quality[1, 2]
    assert not result.iou[0].any()


def test_the_quality_rule_is_that_of_its_parts() -> None:
    painter, rows = Squares(), 20
    draws = Draws(0, "dissect", Rows.all(2 * rows))
    z, label = draws.normal("z", 3), draws.integers("label", 2)
    act = painter.activations(z, label)[0]
    maps = COLORS(painter.from_activation(0, act, label))
    levels = unit_levels(act[:rows], QUALITY_TAILS)
    counts = [PixelCounts(levels, 3, none=0) for _ in range(2)]
    for each, part, shown in zip(counts, act.split(rows), maps.split(rows), strict=True):
        each.add(part, shown)
    selected = selected_levels(counts[1], levels)
    result = dissect(painter, COLORS, num=rows, rule="iqr").layers[0]
    torch.testing.assert_close(result.levels, selected.level, equal_nan=True)
    index = selected.number.clamp(min=0)[None]
    qualified = selected.number >= 0
    torch.testing.assert_close(result.iou, counts[0].iou().gather(0, index)[0] * qualified)
    expected = information_quality(counts[0]).gather(0, index)[0] * qualified
    torch.testing.assert_close(result.quality, expected)


def test_own_and_foreign_generators_are_dissected() -> None:
    biggan = BigGANGenerator((8, 8), widths=(4, 4), num_classes=(2, 3), latent_dim=4).train()
    result = dissect(biggan, COLORS, num=6, label=(1, 2), layers=[1])
    assert [each.name for each in result.layers] == ["block 1"]
    assert result.label == (1, 2)
    assert biggan.training
    other = dissect(biggan, COLORS, num=6, label=np.array([1, 2]), layers=[1])  # pyright: ignore[reportArgumentType]
    assert other.label == (1, 2) and torch.equal(other.layers[0].iou, result.layers[0].iou)
    assert dissect(Squares(), COLORS, num=2, label=np.int64(1)).label == 1  # pyright: ignore[reportArgumentType]
    painter = Squares()
    foreign = ForeignGenerator(
        lambda z, c: painter.from_activation(0, *painter.activations(z, c), c),
        latent_dim=3,
        num_classes=2,
        layers=painter.activations,
        from_layer=painter.from_activation,
    )
    assert dissect(foreign, COLORS, num=8).layers[0].name == "layer 0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num": 0}, "num is 0"),
        ({"tail": 0.0}, "above 0"),
        ({"tails": [1.0]}, "above 0"),
        ({"iou": 1.0}, "iou is 1.0"),
        ({"rule": "best"}, '"iou" or "iqr"'),
        ({"layers": [1]}, "different ones of"),
        ({"layers": [0, 0]}, "different ones of"),
        ({"label": 2}, "classes are 2"),
        ({"label": (0, 1)}, "classes are 2"),
        ({"segmenter": lambda x: x.argmax(1)}, "pass num_labels"),
        ({"segmenter": lambda x: x.argmax(1), "num_labels": 2}, "maps hold 2"),
        ({"generator": nn.Linear(2, 2)}, "no activations|no latent_dim"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], message: str) -> None:
    arguments = {"generator": Squares(), "segmenter": COLORS, "num": 4} | change
    with pytest.raises(ValueError, match=message):
        dissect(arguments.pop("generator"), arguments.pop("segmenter"), **arguments)


def test_an_unknown_layer_is_named(painted: Dissection) -> None:
    with pytest.raises(ValueError, match="layer 3 was not dissected"):
        painted.layer(3)
