"""Given labels and no labels: distributions, streams, reuse, and state in checkpoints."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import Batch
from everymode.labels import GivenLabels, NoLabels

DISCRIMINATOR = nn.Identity()


def draws(rows: Rows | int = 8, moment: str = "step 0", injected: dict[str, Tensor] | None = None) -> Draws:
    return Draws(7, moment, Rows.all(rows) if isinstance(rows, int) else rows, injected=injected)


def a_batch(condition: Tensor | None, rows: int = 4) -> Batch:
    return Batch(torch.zeros(rows, 1, 2, 2), condition, torch.arange(rows))


def test_reals_keep_their_labels() -> None:
    labels = torch.tensor([2, -1, 0, 1])
    assert GivenLabels(3).assign(a_batch(labels), DISCRIMINATOR, draws()) is labels


def test_uniform_labels_are_in_range_and_even() -> None:
    labels = GivenLabels(5).draw(draws(50_000))
    assert labels.dtype == torch.int64
    shares = labels.bincount(minlength=5) / len(labels)
    assert len(shares) == 5
    assert (shares - 0.2).abs().max() < 0.01


def test_labels_follow_the_distribution_which_need_not_be_normalized() -> None:
    counts = [30, 0, 10, 60]
    labels = GivenLabels(4, counts).draw(draws(50_000))
    shares = labels.bincount(minlength=4) / len(labels)
    assert shares[1] == 0
    assert (shares - torch.tensor(counts) / 100).abs().max() < 0.01
    same = GivenLabels(4, torch.tensor(counts) * 7).draw(draws(50_000))
    assert torch.equal(labels, same)


@pytest.mark.parametrize("probabilities", [None, [1.0, 2.0, 3.0]])
def test_a_draw_depends_on_moment_and_row_alone(probabilities: list[float] | None) -> None:
    source = GivenLabels(3, probabilities)
    whole = source.for_fakes(a_batch(None), draws(40))
    assert torch.equal(source.for_fakes(a_batch(None), draws(40)), whole)
    parts = [source.for_fakes(a_batch(None), draws(Rows(a, b, 40))) for a, b in ((0, 13), (13, 40))]
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(source.draw(draws(40)), whole)
    assert not torch.equal(source.for_fakes(a_batch(None), draws(40, "step 1")), whole)


@pytest.mark.parametrize("probabilities", [None, [1.0, 2.0, 3.0]])
def test_fake_labels_can_be_injected(probabilities: list[float] | None) -> None:
    wanted = torch.tensor([2, 2, 0, 1])
    given = draws(4, injected={"fake labels": wanted})
    assert torch.equal(GivenLabels(3, probabilities).for_fakes(a_batch(None), given), wanted)


def test_reused_labels_are_the_reals_and_missing_ones_are_drawn() -> None:
    source = GivenLabels(3, reuse=True)
    labels = torch.tensor([2, -1, 0, -1])
    drawn = torch.tensor([0, 1, 2, 2])
    got = source.for_fakes(a_batch(labels), draws(4, injected={"fake labels": drawn}))
    assert got.tolist() == [2, 1, 0, 2]
    assert labels.tolist() == [2, -1, 0, -1]


def test_reused_maps_and_tuples_are_left_unchanged() -> None:
    source = GivenLabels(3, reuse=True)
    maps = torch.full((4, 2, 2), -1)
    assert source.for_fakes(a_batch(maps), draws(4)) is maps
    pair = (torch.zeros(4), torch.ones(4))
    assert source.for_fakes(a_batch(pair), draws(4)) is pair  # type: ignore[arg-type]


def test_the_distribution_is_saved_and_loaded_and_draws_follow_it() -> None:
    source, other = GivenLabels(3, [0.2, 0.3, 0.5]), GivenLabels(3, [1.0, 0.0, 0.0])
    parent = nn.ModuleDict({"labels": other})
    parent.load_state_dict({f"labels.{key}": value for key, value in source.state_dict().items()})
    assert torch.equal(other.draw(draws(500)), source.draw(draws(500)))
    assert other.probabilities.tolist() == pytest.approx([0.2, 0.3, 0.5])
    with pytest.raises(RuntimeError, match="probabilities"):
        GivenLabels(3).load_state_dict(source.state_dict())


def test_casts_and_copies_change_no_draw() -> None:
    source = GivenLabels(3, [0.21, 0.31, 0.48])
    assert source.probabilities.dtype == torch.float32  # some accelerators don't support float64
    expected = source.draw(draws(500))
    assert torch.equal(copy.deepcopy(source).draw(draws(500)), expected)
    assert torch.equal(source.double().bfloat16().draw(draws(500)), expected)


def test_moving_the_module_leaves_the_copy_for_draws_on_the_cpu() -> None:
    source = GivenLabels(3, [0.2, 0.3, 0.5])
    expected = source.draw(draws(50))
    source.to("meta")
    assert source.probabilities.device.type == "meta"
    assert torch.equal(source.draw(draws(50)), expected)


def test_copies_do_not_share_the_distribution() -> None:
    source = GivenLabels(2, [1.0, 0.0])
    twin = copy.deepcopy(source)
    twin.load_state_dict(GivenLabels(2, [0.0, 1.0]).state_dict())
    assert (twin.draw(draws(50)) == 1).all()
    assert (source.draw(draws(50)) == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "at least 1.*NoLabels"),
        ((3, [0.5, 0.5]), r"shape \[3\], not \[2\]"),
        ((2, [0.5, -0.5]), "finite numbers >= 0"),
        ((2, [0.0, 0.0]), "not all 0"),
        ((2, [float("nan"), 1.0]), "finite"),
        ((2, [float("inf"), 1.0]), "finite"),
    ],
)
def test_bad_arguments_are_explained(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GivenLabels(*arguments)


def test_data_without_labels_is_explained() -> None:
    with pytest.raises(ValueError, match=r"no labels.*NoLabels"):
        GivenLabels(3).assign(a_batch(None), DISCRIMINATOR, draws())
    with pytest.raises(ValueError, match="no labels to reuse"):
        GivenLabels(3, reuse=True).for_fakes(a_batch(None), draws())


def test_no_labels_gives_none_everywhere() -> None:
    source, batch = NoLabels(), a_batch(torch.tensor([0, 1, 2, 0]))
    assert source.assign(batch, DISCRIMINATOR, draws()) is None
    assert source.for_fakes(batch, draws()) is None
    assert source.draw(draws()) is None
    assert source.num_labels == 0
    assert source.state_dict() == {}


# ---- several labels per image

COMBINATIONS, COUNTS = [(0, 0), (1, 2), (2, 0), (2, 1)], [4, 3, 2, 1]


def joint(**options: bool) -> GivenLabels:
    return GivenLabels((3, 3), COUNTS, combinations=COMBINATIONS, **options)


def test_uniform_blocks_are_independent() -> None:
    source = GivenLabels((3, 2))
    labels = source.draw(draws(40_000))
    assert labels.dtype == torch.int64 and labels.shape == (40_000, 2)
    shares = torch.bincount(labels[:, 0] * 2 + labels[:, 1], minlength=6) / 40_000
    assert (shares - 1 / 6).abs().max() < 0.01
    assert torch.equal(labels[:, 1], draws(40_000).integers("fake labels 1", 2))
    wanted = torch.tensor([2, 0, 1, 1])
    mixed = source.draw(draws(4, injected={"fake labels 0": wanted}))
    assert torch.equal(mixed[:, 0], wanted)
    parts = [source.draw(draws(Rows(a, b, 40))) for a, b in ((0, 13), (13, 40))]
    assert torch.equal(torch.cat(parts), source.draw(draws(40)))


def test_blocks_by_the_data_never_meet_where_they_do_not_there() -> None:
    labels = joint().draw(draws(50_000))
    numbers = {pair: number for number, pair in enumerate(COMBINATIONS)}
    drawn = torch.tensor(
        [numbers[tuple(row)] for row in labels.tolist()]
    )  # a KeyError would mean an impossible pair
    assert (drawn.bincount(minlength=4) / 50_000 - torch.tensor(COUNTS) / 10).abs().max() < 0.01
    chosen = joint().draw(draws(3, injected={"fake labels": torch.tensor([3, 0, 1])}))
    assert chosen.tolist() == [[2, 1], [0, 0], [1, 2]]


def test_missing_labels_are_drawn_given_those_that_are_there() -> None:
    given = torch.tensor([[2, -1], [-1, 0], [1, 1], [-1, -1], [0, 1]]).repeat(8000, 1)
    full = joint().complete(given, draws(len(given))).view(-1, 5, 2)
    assert (full >= 0).all()
    assert (full[:, 0, 0] == 2).all() and (full[:, 1, 1] == 0).all()
    # Of the pairs with a 2 in front: 2 with 0, 1 with 1. Of those with a 0 at the end: 4 with 0, 2 with 2.
    assert abs((full[:, 0, 1] == 0).double().mean() - 2 / 3) < 0.02
    assert abs((full[:, 1, 0] == 0).double().mean() - 2 / 3) < 0.02
    assert full[0, 2].tolist() == [1, 1] and full[0, 4].tolist() == [0, 1]
    assert set(map(tuple, full[:, 3].tolist())) == set(COMBINATIONS)
    alone = torch.tensor([[1, -1]] * 500)
    assert joint().complete(alone, draws(500))[:, 1].tolist() == [2] * 500
    last = joint().complete(torch.tensor([[0, -1]]), draws(1, injected={"missing labels": torch.ones(1, 1)}))
    assert last.tolist() == [[0, 0]], "rounding up to the whole must not lead to what does not fit"


def test_what_no_image_has_is_completed_all_the_same() -> None:
    source = GivenLabels((2, 2), [1], combinations=[(0, 0)])
    assert source.complete(torch.tensor([[1, -1]]), draws(1)).tolist() == [[1, 0]]


def test_uniform_blocks_and_single_labels_are_completed() -> None:
    given = torch.tensor([[2, -1], [-1, 1]])
    drawn = GivenLabels((3, 2)).draw(draws(2))
    full = GivenLabels((3, 2)).complete(given, draws(2))
    assert full.tolist() == [[2, drawn[0, 1].item()], [drawn[1, 0].item(), 1]]
    single = GivenLabels(3).complete(torch.tensor([2, -1]), draws(2))
    assert single.tolist() == [2, GivenLabels(3).draw(draws(2))[1].item()]


def test_reused_blocks_are_filled_up() -> None:
    source = joint(reuse=True)
    given = torch.tensor([[1, -1], [2, 1], [-1, 2], [0, 0]])
    assert source.for_fakes(a_batch(given), draws(4)).tolist() == [[1, 2], [2, 1], [1, 2], [0, 0]]


def test_the_joint_distribution_is_saved_and_loaded() -> None:
    source, other = joint(), GivenLabels((3, 3), [1] * 4, combinations=[(0, 1)] * 4)
    other.load_state_dict(source.state_dict())
    assert torch.equal(other.draw(draws(300)), source.draw(draws(300)))
    assert torch.equal(source.double().draw(draws(300)), other.draw(draws(300)))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((3, 0),), {}, "at least 1"),
        (((),), {}, "at least 1"),
        (((3, 2), [1, 2, 3]), {}, "give both combinations and probabilities"),
        (((3, 2),), {"combinations": [(0, 0)]}, "give both combinations and probabilities"),
        ((3, [1.0]), {"combinations": [(0,)]}, "for several label blocks"),
        (((3, 2), [1.0]), {"combinations": [(0, 2)]}, "outside its range"),
        (((3, 2), [1.0]), {"combinations": [(0, -1)]}, "outside its range"),
        (((3, 2), [1.0]), {"combinations": [(0,)]}, r"shape \[M, 2\]"),
        (((3, 2), []), {"combinations": []}, "M at least 1"),
        (((3, 2), [1.0, 2.0]), {"combinations": [(0, 1)]}, r"shape \[1\], not \[2\]"),
    ],
)
def test_bad_blocks_are_explained(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GivenLabels(*arguments, **options)
