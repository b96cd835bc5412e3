"""Conditions of rows of the data, plots of points, and encoding."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.conditions import REAL, Conditions, columns_of
from everymode.explorer.encoding import Cache, encoded
from everymode.explorer.facts import Block, Facts
from everymode.explorer.labels import Label
from everymode.explorer.replies import Missing
from everymode.explorer.scatter import SIDE, extent_of, scatter
from everymode.explorer.tiles import Tile
from everymode.labels.pairs import PairedCondition
from everymode.labels.targets import TargetLabels

CHECKPOINT = Checkpoint("0" * 12, "run", Path(), 1)


class Data:
    """Six gray rows of 4x4 pixels, row i of the value i / 10, with maps of class i, or labels (i % 3, i % 2)."""

    def __len__(self) -> int:
        return 6

    def gather(self, indices: np.ndarray, device: Any, dtype: Any) -> Tensor:
        return torch.from_numpy(indices).to(dtype).view(-1, 1, 1, 1).expand(-1, 1, 4, 4) / 10

    def gather_condition(self, indices: np.ndarray, device: Any, dtype: Any) -> Tensor:
        return torch.from_numpy(indices).view(-1, 1, 1).expand(-1, 4, 4)

    def gather_labels(self, indices: np.ndarray, device: Any) -> Tensor:
        rows = torch.from_numpy(indices)
        return torch.stack((rows % 3, rows % 2), dim=1)


def generator(network: Any, labels: Any) -> Any:
    return SimpleNamespace(
        network=network, labels=labels, device=torch.device("cpu"), dtype=torch.float32, latent_dim=0
    )


def drawn(made: Any, tiles: list[Tile]) -> Tensor:
    return Conditions(lambda _: cast(Any, Data())).draw(CHECKPOINT, made, tiles)


def facts(kind: Any, *blocks: Block, latent: bool = False) -> Facts:
    return Facts(kind, False, (1, 4, 4), blocks, False, latent, False, False, {})


def _flat(values: Tensor) -> Tensor:
    """Images of one gray value each."""
    return values.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def test_a_row_of_a_map_is_map_generated_and_real() -> None:
    columns = columns_of(facts("maps"), 2, (0, 1))
    assert [column.head for column in columns] == ["map", "generated", "real"]
    made = generator(lambda z, maps: maps[:, None].float() / 100, PairedCondition())
    shown = drawn(made, [column.tile for column in columns])
    assert shown.shape == (3, 3, 4, 4)  # the map has colors
    assert shown[1].unique().tolist() == pytest.approx([0.02])
    assert shown[2].unique().tolist() == pytest.approx([0.2])
    heads = [column.head for column in columns_of(facts("maps", latent=True), 2, (4, 9))]
    assert heads == ["map", "seed 4", "seed 9", "real"]


def test_attributes_change_one_value_and_keep_the_others() -> None:
    blocks = Block("color", ("red", "green", "blue")), Block("size", ("0", "1"))
    columns = columns_of(facts("attributes", *blocks), 5, (0,))
    assert [column.head for column in columns] == ["picture", "red", "green", "blue", "size 0", "size 1"]
    made = generator(
        lambda z, condition: _flat(condition[1].float() @ torch.tensor([1.0, 0.1])),
        TargetLabels((3, 2), [[0, 0], [1, 1]], [1, 1]),
    )
    shown = drawn(made, [column.tile for column in columns])
    # row 5 has the labels (2, 1)
    assert [round(float(each[0, 0, 0]), 3) for each in shown] == [0.5, 0.1, 1.1, 2.1, 2.0, 2.1]


def test_rows_and_parts_that_do_not_exist_are_missing() -> None:
    made = generator(lambda z, maps: maps[:, None].float(), PairedCondition())
    with pytest.raises(Missing, match="from 0 to 5"):
        drawn(made, [Tile(Label((), 6), 0, part=REAL)])
    with pytest.raises(Missing, match="no picture 3"):
        drawn(made, [Tile(Label((), 1), 0, part=3)])


def test_the_scale_of_a_plot_is_that_of_the_modes_or_a_round_number() -> None:
    means = np.array([[2.0, 0.0], [0.0, -1.0]])
    assert extent_of(np.zeros((3, 2)), means) == pytest.approx(2.6)
    assert extent_of(np.full((10, 2), 3.1), None) == pytest.approx(4.0)
    assert extent_of(np.full((4, 2), np.nan), None) > 0


def test_points_are_where_they_belong() -> None:
    plot = scatter(np.array([[0.5, 0.5], [9.0, 9.0], [np.nan, 0.0]]), 1.0)
    inside = plot[4:-4, 4:-4, 3] > 0
    rows, columns = np.nonzero(inside)
    assert abs(rows.mean() + 4 - SIDE / 4) < 2  # y grows upward
    assert abs(columns.mean() + 4 - 3 * SIDE / 4) < 2
    assert inside.sum() < 30


@pytest.mark.parametrize("side", [64, 200])
def test_small_tiles_are_encoded_without_loss_and_large_ones_as_png_only(side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    webp, png = (
        np.asarray(Image.open(io.BytesIO(encoded([noise, noise], each)))) for each in ("webp", "png")
    )
    assert (png == np.concatenate([noise, noise], axis=1)).all()
    assert (webp == png).all() == (side <= 128)


def test_the_cache_drops_the_least_recently_used() -> None:
    cache = Cache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert [cache.get(each) for each in "abc"] == [b"1234", None, b"1234"]
    cache.put("d", b"x" * 11)  # too large to keep
    assert cache.get("d") is None
