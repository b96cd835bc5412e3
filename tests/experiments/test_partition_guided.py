"""Partition-Guided GAN's tables: equal images for every case, shared partitions; its theorems by numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from everymode.labels.given import GivenLabels
from experiments.partition_guided import (
    OwnClasses,
    PartitionJudge,
    cases,
    learn_partitions,
    partition_in,
    partition_of,
    play,
)
from experiments.partition_theorems import best_ramp, random_networks, theorem_1, theorem_2


def test_every_case_builds_and_sees_equally_many_images() -> None:
    for on in ("digits", "stacked-digits", "stacked-digits-16"):
        found = cases("methods", on, "", 0.1, 4)
        images = {
            case.recipe.steps * case.recipe.discriminator_steps * case.recipe.batch_size for case in found
        }
        assert max(images) / min(images) < 1.01
    for case in cases("methods", "digits", "", 0.1, 4):
        with torch.device("meta"):
            game = replace(case.recipe, num_images=1000, num_classes=10).build()
        assert ("guide" in [term.name for term in game.objective.generator_terms]) == (
            case.name == "partition-guided"
        )
        assert isinstance(case.recipe.labels, OwnClasses) == (case.name == "class-conditional")
        if case.name == "class-conditional":
            assert isinstance(game.labels, GivenLabels) and game.labels.reuse


def test_sweeps() -> None:
    swept = cases("k", "digits", "", 0.1, 4)
    assert [case.recipe.num_labels for case in swept] == [5, 5, 10, 10, 20, 20, 40, 40]
    assert [case.recipe.flat_numbers()["guide_weight"] for case in swept] == [1.0, 0.0] * 4
    assert swept[1].name == "5 parts without guide"
    weighted = cases("weight", "stacked-digits", "", 0.001, 4)
    weights = [case.recipe.flat_numbers()["guide_weight"] for case in weighted]
    assert weights == [0.0, 1.5, 3.0, 6.0, 12.0, 24.0]


@pytest.mark.usefixtures("trained_digits")
def test_a_partition_is_learned_once_and_shared(tmp_path: Path) -> None:
    (case,) = [case for case in cases("methods", "digits", "", 0.02, 4) if case.name == "partition-guided"]
    recipe = case.recipe
    assert partition_in(recipe) is not None
    small = recipe.shrunk().with_numbers(num_images=0, steps=2, resolution=8, latent_dim=8, held_out="")
    case = case._replace(recipe=small)
    quality = learn_partitions([case], [0], tmp_path / "partitions")
    folder = partition_of(small, 0, tmp_path / "partitions")
    written = (folder / "report.json").stat().st_mtime_ns
    assert quality.splitlines()[2].startswith("| 3 | ")
    judge = PartitionJudge(20, tmp_path / "partitions", None, "digits")
    outcome = play(case, 0, tmp_path / "run", judge)
    assert (folder / "report.json").stat().st_mtime_ns == written
    assert {"fd", "fd, rejection", "accepted", "precision", "reverse KL", "G steps"} <= outcome.scores.keys()
    assert 1 <= outcome.scores["modes"] <= 10
    assert 0 <= outcome.scores["accepted"] <= 1


@pytest.mark.parametrize(("share", "distance"), [(0.5, 1.0), (0.3, 0.5), (0.1, 2.0)])
def test_theorem_1(share: float, distance: float) -> None:
    bound = theorem_1(share, distance)
    assert best_ramp(share, distance) == pytest.approx(bound, abs=1e-5)
    assert random_networks(share, distance, networks=2, seed=0) > bound


def test_theorem_1_by_hand() -> None:
    # Half of the data on each side, t = 1: P(0 <= z <= 1).
    assert theorem_1(0.5, 1.0) == pytest.approx(0.3413447, abs=1e-6)


def test_theorem_2() -> None:
    left, right = theorem_2(0.0)
    assert left == pytest.approx(right, rel=1e-12)
    left, right = theorem_2(0.2)
    assert left < right
