"""Conditions of pairs: what the generator gets of a map, its edges and the image, and that fakes have the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch
from everymode.labels.pairs import PairedCondition

ROWS = 3
MAPS = torch.arange(ROWS * 12).view(ROWS, 3, 4) % 5
EDGES = (MAPS % 2).float()
SMALL = torch.linspace(-1, 1, ROWS * 3 * 2 * 2).view(ROWS, 3, 2, 2)
IMAGES = torch.linspace(-1, 1, ROWS * 3 * 12).view(ROWS, 3, 3, 4)
DRAWS = Draws(0, "step 0", Rows.all(ROWS))


def assigned(source: PairedCondition, condition: object) -> object:
    batch = Batch(IMAGES, condition, torch.arange(ROWS))
    return source.assign(batch, nn.Identity(), DRAWS)


def same(given: object, expected: tuple[Tensor, ...]) -> bool:
    parts = given if isinstance(given, tuple) else (given,)
    return len(parts) == len(expected) and all(a is b for a, b in zip(parts, expected, strict=True))


def test_a_map_or_a_picture_is_the_condition_itself() -> None:
    for condition in (MAPS, SMALL):
        given = assigned(PairedCondition(), condition)
        assert isinstance(given, Tensor) and given is condition


def test_edges_are_kept_or_dropped_and_an_encoder_gets_the_image_last() -> None:
    pair = (MAPS, EDGES)
    assert same(assigned(PairedCondition(), pair), pair)
    dropped = assigned(PairedCondition(with_edges=False), pair)
    assert isinstance(dropped, Tensor) and dropped is MAPS
    assert same(assigned(PairedCondition(with_image=True), pair), (MAPS, EDGES, IMAGES))
    assert same(assigned(PairedCondition(with_edges=False, with_image=True), pair), (MAPS, IMAGES))
    assert same(assigned(PairedCondition(with_image=True), MAPS), (MAPS, IMAGES))


def test_a_fake_has_the_condition_of_the_real_image_of_its_row_and_nothing_is_drawn() -> None:
    source = PairedCondition(with_image=True)
    drawn: set[str] = set()
    random = Draws(0, "step 0", Rows.all(ROWS), drawn=drawn)
    batch = Batch(IMAGES, MAPS, torch.arange(ROWS))
    condition = source.assign(batch, nn.Identity(), random)
    assert source.for_fakes(batch.with_condition(condition), random) is condition
    assert not drawn and not list(source.state_dict())
    assert source.pairs and source.needs_examples and not source.names_classes


@pytest.mark.parametrize("condition", [None, torch.tensor([1, -1, 0]), torch.zeros(3, 2, dtype=torch.long)])
def test_labels_are_no_pairs(condition: Tensor | None) -> None:
    with pytest.raises(
        ValueError, match=r"not paired with label maps or pictures: open them with open_pairs"
    ):
        assigned(PairedCondition(), condition)


def test_samples_without_a_real_image_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="can't draw labels without a real batch"):
        PairedCondition().draw(DRAWS)
