"""Random labels, fixed by seed and image or redrawn; and generators as labels of fakes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everymode.draws import Draws, Rows
from everymode.game import UNLABELED, Batch
from everymode.labels.generators import GeneratorLabels
from everymode.labels.random_labels import RandomLabels

IGNORED = nn.Identity()


def batch_of(rows: list[int]) -> Batch:
    return Batch(torch.zeros(len(rows), 2), None, torch.tensor(rows))


def draws(moment: str, count: int, start: int = 0, total: int | None = None) -> Draws:
    return Draws(0, moment, Rows(start, start + count, total or count))


def test_an_image_keeps_its_label() -> None:
    labels = RandomLabels(5, 1000, seed=3)
    first = labels.assign(batch_of([7, 7, 900]), IGNORED, draws("a", 3))
    again = labels.assign(batch_of([900, 7]), IGNORED, draws("b", 2))
    assert first[0] == first[1] == again[1] and first[2] == again[0]
    assert torch.equal(labels.table, RandomLabels(5, 1000, seed=3).table)
    assert not torch.equal(labels.table, RandomLabels(5, 1000, seed=4).table)
    # The expected number of each is 200, with a standard deviation of 12.6.
    assert (labels.counts - 200).abs().max() < 60
    assert torch.equal(labels.for_fakes(batch_of([7]).with_condition(first), draws("a", 3)), first)
    assert not labels.names_classes


def test_labels_that_are_redrawn_depend_on_the_moment_alone() -> None:
    labels = RandomLabels(5, 100, seed=3, redrawn=True)
    same = batch_of(list(range(100)))
    first = labels.assign(same, IGNORED, draws("a", 100))
    assert torch.equal(first, labels.assign(batch_of([0] * 100), IGNORED, draws("a", 100)))
    assert not torch.equal(first, labels.assign(same, IGNORED, draws("b", 100)))
    part = labels.assign(batch_of([1] * 30), IGNORED, draws("a", 30, 20, 100))
    assert torch.equal(part, first[20:50])


def test_samples_take_all_labels_alike_however_the_images_have_them() -> None:
    labels = RandomLabels(4, 3, seed=0)
    drawn = labels.draw(draws("sample", 400))
    assert torch.bincount(drawn, minlength=4).min() > 60


def test_generators_share_a_batch_evenly_and_from_any_start() -> None:
    labels = GeneratorLabels(4)
    empty = batch_of([0] * 10)
    seen = set()
    for moment in range(20):
        index = labels.for_fakes(empty, draws(str(moment), 10))
        counts = torch.bincount(index, minlength=4)
        assert counts.min() == 2 and counts.max() == 3
        seen.add(int(index[0]))
    assert seen == {0, 1, 2, 3}


def test_a_part_of_the_batch_has_the_generators_of_its_rows() -> None:
    labels = GeneratorLabels(3)
    whole = labels.for_fakes(batch_of([0] * 8), draws("a", 8))
    part = labels.for_fakes(batch_of([0] * 4), draws("a", 4, 4, 8))
    assert torch.equal(part, whole[4:])


def test_reals_have_no_generator() -> None:
    labels = GeneratorLabels(3)
    assert labels.assign(batch_of([1, 2]), IGNORED, draws("a", 2)).tolist() == [UNLABELED] * 2
    assert labels.label_unseen(torch.zeros(2, 3)).tolist() == [UNLABELED] * 2
    assert torch.bincount(labels.draw(draws("s", 300)), minlength=3).min() > 60
    with pytest.raises(ValueError, match="at least 1 generator"):
        GeneratorLabels(0)
