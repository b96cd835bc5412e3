"""Targets of attribute transfer: whose labels they are, what they depend on, and one changed value at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import UNLABELED, Batch, LabelSource
from everymode.labels.targets import TargetLabels, changed_one_at_a_time, exclusive_blocks

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_targets.npz")
COMBINATIONS = torch.tensor([[0, 1], [2, 0], [1, 1]])
COUNTS = [10, 30, 60]


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[name]).long()


def source(**options: bool) -> TargetLabels:
    return TargetLabels((3, 2), COMBINATIONS, COUNTS, **options)


def draws(rows: Rows | int, moment: str = "step 0", seed: int = 0, **options: object) -> Draws:
    return Draws(seed, moment, rows if isinstance(rows, Rows) else Rows.all(rows), **options)


def a_batch(labels: Tensor) -> Batch:
    pictures = torch.arange(len(labels) * 12.0).view(-1, 3, 2, 2)
    return Batch(pictures, labels, torch.arange(len(labels)))


def targets_of(of: LabelSource, labels: Tensor, random: Draws) -> Tensor:
    """Targets of a batch, whose pictures are those of the same rows."""
    batch = a_batch(labels)
    own = of.assign(batch, nn.Identity(), random)
    assert (
        isinstance(own, tuple) and own[0] is batch.real and torch.equal(own[1], labels.view(len(labels), -1))
    )
    fake = of.for_fakes(batch.with_condition(own), random)
    assert isinstance(fake, tuple) and fake[0] is batch.real
    return fake[1]


def test_targets_are_combinations_of_the_training_data_as_often_as_there() -> None:
    drawn = targets_of(source(), torch.zeros(4000, 2, dtype=torch.long), draws(4000))
    share = torch.stack([(drawn == row).all(1).double().mean() for row in COMBINATIONS])
    assert share.sum() == 1
    torch.testing.assert_close(share, torch.tensor([0.1, 0.3, 0.6]).double(), rtol=0, atol=0.03)


def test_a_target_is_a_function_of_seed_step_and_row_alone() -> None:
    labels = torch.tensor([[0, 1], [2, 0], [1, 1], [0, 1]]).repeat(4, 1)
    drawn = targets_of(source(), labels, draws(16))
    assert torch.equal(drawn, targets_of(source(), labels.flip(0), draws(16)))  # not of the batch
    assert torch.equal(drawn, targets_of(source(), labels, draws(16)))
    assert not torch.equal(drawn, targets_of(source(), labels, draws(16, "step 1")))
    assert not torch.equal(drawn, targets_of(source(), labels, draws(16, seed=1)))
    # Two processes with eight rows each.
    halves = [
        targets_of(source(), labels[start : start + 8], draws(Rows(start, start + 8, 16))) for start in (0, 8)
    ]
    assert torch.equal(drawn, torch.cat(halves))


def test_targets_of_the_released_code_are_the_labels_of_the_batch_in_an_injected_order() -> None:
    own, order = stored("star_c_org"), stored("star_perm")
    released = TargetLabels(
        (2,) * own.shape[1], own.unique(dim=0), [1] * len(own.unique(dim=0)), permuted=True
    )
    # uniform numbers whose ascending order is the permutation, or the permutation itself
    numbers = torch.empty(len(own)).scatter_(0, order, torch.arange(len(own)) / 10)
    assert not torch.equal(order, order.argsort()) and not torch.equal(own[order], own)
    for injected in (numbers, order):
        drawn = targets_of(released, own, draws(len(own), injected={"permutation": injected}))
        assert torch.equal(drawn, own[order])


def test_a_drawn_order_is_a_permutation_that_changes_from_step_to_step() -> None:
    labels = torch.stack((torch.arange(30) % 3, torch.arange(30) // 3 % 2), 1)
    first, second = (targets_of(source(permuted=True), labels, draws(30, f"step {i}")) for i in (0, 1))
    assert not torch.equal(first, second)
    for drawn in (first, second):
        assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, labels.tolist()))


def test_own_labels_may_be_missing_and_targets_never_are() -> None:
    labels = torch.tensor([[UNLABELED, 1], [2, UNLABELED], [UNLABELED, UNLABELED]])
    drawn = targets_of(source(), labels, draws(3))  # which checks that own labels stay missing
    assert (drawn >= 0).all()


def test_one_column_is_a_block_of_its_own() -> None:
    one = TargetLabels((3,), [[0], [1], [2]], [1, 1, 1])
    drawn = targets_of(one, torch.tensor([0, 2, -1, 1]), draws(4))
    assert drawn.shape == (4, 1) and set(drawn.flatten().tolist()) <= {0, 1, 2}


def test_assigning_twice_changes_nothing() -> None:
    batch = a_batch(torch.tensor([[0, 1], [2, 0]]))
    condition = source().assign(batch, nn.Identity(), draws(2))
    assert source().assign(batch.with_condition(condition), nn.Identity(), draws(2)) is condition


@pytest.mark.parametrize(
    ("condition", "given"), [(None, "no labels"), (torch.zeros(2, 3), r"labels of shape \[2, 3\]")]
)
def test_labels_of_another_number_are_refused(condition: Tensor | None, given: str) -> None:
    batch = Batch(torch.zeros(2, 3, 2, 2), condition, torch.arange(2))
    with pytest.raises(ValueError, match=f"needs 2 labels per image, and the data has {given}.*label_column"):
        source().assign(batch, nn.Identity(), draws(2))


def test_combinations_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError):
        TargetLabels((3, 2), [[3, 0]], [1])


def test_the_distribution_is_saved_and_training_mode_is_the_modules() -> None:
    saved, other = source(), TargetLabels((3, 2), COMBINATIONS, [1, 1, 1])
    other.load_state_dict(saved.state_dict())
    assert torch.equal(other.draw_targets(draws(50)), saved.draw_targets(draws(50)))
    assert saved.eval().training is False and saved.train().training is True


# ---- one value changed at a time


def test_stored_targets_of_attributes_of_which_three_exclude_one_another() -> None:
    own = stored("star_targets_org")
    assert torch.equal(changed_one_at_a_time(own, (2,) * 5, exclusive=(0, 1, 2)), stored("star_targets"))


def test_stored_targets_of_one_block_are_all_of_its_values() -> None:
    expected = stored("star_targets_rafd")  # one-hot
    values, rows, size = expected.shape
    targets = changed_one_at_a_time(torch.zeros(rows, 1, dtype=torch.long), (size,))
    assert values == size and torch.equal(torch.nn.functional.one_hot(targets[..., 0], size), expected)


def test_mixed_blocks_by_hand_and_missing_labels_count_as_0() -> None:
    own = torch.tensor([[2, 1, 0], [-1, -1, 1]])
    targets = changed_one_at_a_time(own, (3, 2, 2))
    expected = [
        [[0, 1, 0], [0, 0, 1]],
        [[1, 1, 0], [1, 0, 1]],
        [[2, 1, 0], [2, 0, 1]],
        [[2, 0, 0], [0, 1, 1]],
        [[2, 1, 1], [0, 0, 0]],
    ]
    assert targets.tolist() == expected
    assert own.tolist() == [[2, 1, 0], [-1, -1, 1]]


def test_a_face_may_have_none_of_the_exclusive_attributes() -> None:
    bald = torch.tensor([[0, 0, 1]])
    assert changed_one_at_a_time(bald, (2, 2, 2), exclusive=(0, 1)).tolist() == [
        [[1, 0, 1]],
        [[0, 1, 1]],
        [[0, 0, 0]],
    ]


@pytest.mark.parametrize("exclusive", [(0,), (3,), (-1,)])
def test_blocks_that_can_not_be_exclusive_are_refused(exclusive: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="exclusive blocks must be two-valued blocks from 0 to 2"):
        changed_one_at_a_time(torch.zeros(1, 3, dtype=torch.long), (3, 2, 2), exclusive=exclusive)


def test_hair_colors_exclude_one_another_if_there_are_several() -> None:
    names = ("Black_Hair", "Male", "Blond_Hair", "Brown_Hair")
    assert exclusive_blocks(names, (2, 2, 2, 2)) == (0, 2, 3)
    assert exclusive_blocks(names, (2, 2, 3, 2)) == (0, 3)
    assert exclusive_blocks(("Black_Hair", "Male"), (2, 2)) == exclusive_blocks((), (2, 2)) == ()
