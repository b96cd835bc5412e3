"""The tally: means over moves, and the first value that was not finite."""

from __future__ import annotations

import math

import pytest
import torch

from everymode.machine.distributed import World
from everymode.training.tally import BadStep, Tally

ONE = World()


def scalars(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(float(value)) for name, value in values.items()}


@pytest.fixture
def tally() -> Tally:
    return Tally(torch.device("cpu"))


def test_means_over_the_moves_since_the_last_read(tally: Tally) -> None:
    tally.add(scalars(a=1, b=4), 0)
    tally.add(scalars(a=3, b=5), 1)
    assert tally.read(ONE) == ({"a": 2.0, "b": 4.5}, None)
    tally.add(scalars(a=7, b=0), 2)
    assert tally.read(ONE) == ({"a": 7.0, "b": 0.0}, None)
    assert tally.read(ONE) == ({}, None)


def test_a_value_that_is_not_always_there_is_averaged_over_its_own_moves(tally: Tally) -> None:
    tally.add(scalars(a=1, lazy=10), 0)
    tally.add(scalars(a=2), 1)
    tally.add(scalars(a=6), 2)
    assert tally.read(ONE) == ({"a": 3.0, "lazy": 10.0}, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_bad_value_is_named(tally: Tally, value: float) -> None:
    tally.add(scalars(a=1, b=1), 5)
    tally.add(scalars(a=1, b=value), 6)
    tally.add(scalars(a=value, b=value), 7)
    tally.add(scalars(other=value), 7)
    means, bad = tally.read(ONE)
    assert bad == BadStep("b", 6)
    assert not math.isfinite(means["a"])
    assert tally.read(ONE) == ({}, None)


def test_of_two_moves_in_one_step_the_earlier_is_named(tally: Tally) -> None:
    tally.add(scalars(a=1), 3)
    tally.add(scalars(a=1, planted=math.nan), 4)
    tally.add(scalars(a=math.nan, planted=math.nan), 4)
    tally.add(scalars(a=math.nan), 4)
    assert tally.read(ONE)[1] == BadStep("planted", 4)


def test_steps_are_named_right_after_a_read(tally: Tally) -> None:
    for step in range(3):
        tally.add(scalars(a=1), step)
    tally.read(ONE)
    tally.add(scalars(a=1), 3)
    tally.add(scalars(a=math.nan), 4)
    assert tally.read(ONE)[1] == BadStep("a", 4)


def test_half_precision_is_summed_in_single(tally: Tally) -> None:
    for _ in range(300):
        tally.add({"a": torch.tensor(1.0, dtype=torch.bfloat16)}, 0)
    assert tally.read(ONE)[0] == {"a": 1.0}


def test_values_keep_no_graph_and_may_be_changed_afterward(tally: Tally) -> None:
    value = torch.ones((), requires_grad=True)
    tally.add({"a": value * 2}, 0)
    changed = torch.tensor(3.0)
    tally.add({"a": changed}, 1)
    changed.fill_(100)
    means, _ = tally.read(ONE)
    assert means == {"a": 2.5}


def test_an_unfinished_tick_goes_on_from_its_state() -> None:
    world, device = World(), torch.device("cpu")
    rows = [{"a": torch.tensor(float(n)), "b": torch.tensor(2.0 * n)} for n in range(5)]
    whole, first, second = Tally(device), Tally(device), Tally(device)
    for step, row in enumerate(rows):
        whole.add(row, step)
        if step < 3:
            first.add(row, step)
    first.add({"c, d": torch.tensor(float("nan"))}, 3)
    assert first.first_bad(world) == first.first_bad(world) == ("c, d", 3)
    second.restore(first.state())
    for step, row in list(enumerate(rows))[3:]:
        second.add(row, step)
    means, bad = second.read(world)
    expected, none = whole.read(world)
    assert {name: means[name] for name in expected} == expected
    assert (bad, none) == (("c, d", 3), None)
