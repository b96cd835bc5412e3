"""Means and spreads that tell training seeds from sampling seeds."""

from __future__ import annotations

import pytest

from everymode.evaluation.repetitions import Group, Repetition


def group(*rows):
    """Of (value, training seed, weights, sampling seed)."""
    repetitions = [Repetition(value, (seed, weights), sampling) for value, seed, weights, sampling in rows]
    return Group("a", tuple(repetitions))


def test_one_value_has_no_spread():
    one = group((2.5, 0, "w", 0))
    assert (one.mean, one.std, one.counted) == (2.5, None, "")


def test_the_spread_over_sampling_seeds_of_one_training():
    found = group((1.0, 0, "w", 0), (3.0, 0, "w", 1), (5.0, 0, "w", 2))
    assert (found.mean, found.std, found.counted) == (3.0, 2.0, "3 sampling seeds")


def test_the_spread_over_training_seeds():
    found = group((1.0, 0, "w", 0), (3.0, 1, "v", 0))
    assert (found.mean, found.counted) == (2.0, "2 training seeds")
    assert found.std == pytest.approx(2**0.5)


def test_several_samplings_of_a_training_count_as_one():
    found = group((1.0, 0, "w", 0), (3.0, 0, "w", 1), (5.0, 1, "v", 0), (7.0, 1, "v", 1))
    assert (found.mean, found.counted) == (4.0, "2 training seeds, 2 samplings each")
    assert found.std == pytest.approx(8**0.5), "of the trainings' means, 2 and 6"
    uneven = group((1.0, 0, "w", 0), (3.0, 0, "w", 1), (8.0, 1, "v", 0))
    assert (uneven.mean, uneven.counted) == (5.0, "2 training seeds, 1 to 2 samplings each")
    assert uneven.values == (1.0, 3.0, 8.0)


def test_trainings_of_one_seed_that_came_out_differently_are_not_called_seeds():
    assert group((1.0, 0, "w", 0), (3.0, 0, "v", 0)).counted == "2 trainings"
