"""Losses on clusters: every row builds on equal terms, a run of a few steps gets all its scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.clustered_losses import COLUMNS, ClusterJudge, cases
from experiments.harness.repeated import train_and_judge


def test_every_row_sees_as_many_images_and_builds() -> None:
    found = {case.name: case.recipe for case in cases(0.25)}
    assert {each.steps * each.discriminator_steps * each.batch_size for each in found.values()} == {32_000}
    assert {name for name, recipe in found.items() if recipe.needs_labels()} == {
        "told the digits",
        "BigGAN, told the digits, projection",
    }
    for name, recipe in found.items():
        with torch.device("meta"):
            game = replace(recipe, num_images=1000, num_classes=recipe.num_classes or 10).build()
        clusters = recipe.flat_numbers().get("clusters", 0)
        assert clusters == (25 if "clusters" in name or name == "self-conditioned" else "one cluster" in name)
        if clusters:
            assert game.labels.num_labels == clusters  # type: ignore[attr-defined]


def test_the_losses_differ_and_nothing_else() -> None:
    found = [case.recipe.flat_numbers() for case in cases(1.0) if "clusters" in case.name]
    shared = set.intersection(*(set(each) for each in found)) - {"name"}
    assert len(found) == 3 and "discriminator_lr" in shared
    for name in shared:
        assert found[0][name] == found[1][name] == found[2][name], name


@pytest.mark.usefixtures("trained_digits")
def test_a_run_of_a_few_steps_gets_all_its_scores(tmp_path: Path) -> None:
    case = next(case for case in cases(0.01) if case.name == "self-conditioned")
    recipe = case.recipe.with_numbers(steps=4, refresh_every=2, batch_size=8, width=4, watch_samples=0)
    outcome = train_and_judge(case._replace(recipe=recipe), 0, tmp_path / "run", ClusterJudge(60))
    assert {column.score for column in COLUMNS} <= outcome.scores.keys()
    assert 1 <= outcome.scores["classes"] <= 10
