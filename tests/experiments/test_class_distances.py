"""Distances per class, written by hand and of two tiny runs; and tables on data that are not at hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from experiments import class_margin, conditional_losses, early_collapse, self_conditioned_images
from experiments.harness.class_distances import Compared, class_distances, compare_classes, described
from experiments.harness.results import OF_CLASS, Outcome


@pytest.fixture
def outcomes() -> list[Outcome]:
    rows = {
        "SAGAN": [{"cat": 4.0, "dog": 2.0, "sea": 1.0}, {"cat": 6.0, "dog": 2.0}],
        "Multi-hinge GAN": [{"cat": 1.0, "dog": 3.0, "sea": 1.0}, {"cat": 2.0, "dog": 3.0, "sea": 1.0}],
    }
    return [
        Outcome(
            case, seed, {"fd": 1.0} | {OF_CLASS + name: value for name, value in found.items()}, "", None, ""
        )
        for case, seeds in rows.items()
        for seed, found in enumerate(seeds)
    ]


def test_means_over_seeds_of_classes_that_all_have(outcomes: list[Outcome]) -> None:
    compared = compare_classes(outcomes, "SAGAN", "Multi-hinge GAN")
    assert compared == [Compared("cat", 5.0, 1.5), Compared("dog", 2.0, 3.0)]  # "sea" lacks a distance
    text = described(compared)
    assert "lower for 1 of 2 classes, their mean changes by -35.7 %" in text
    assert "Most improved: cat (5 to 1.5)" in text and "Most worsened: dog (2 to 3)" in text
    assert compare_classes(outcomes[:2], "SAGAN", "Multi-hinge GAN") == []


@pytest.mark.slow
def test_the_figures_of_two_tiny_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [
        "--budget",
        "0.02",
        "--seeds",
        "1",
        "--processes",
        "1",
        "--out",
        str(tmp_path),
        "--width",
        "4",
    ]
    monkeypatch.setattr(sys, "argv", ["x", *arguments, "--only", "SAGAN,Multi-hinge GAN"])
    class_margin.main()
    assert "Distance per class: lower for" in (tmp_path / "supervised" / "report.md").read_text()
    for name in ("figure-4c.png", "figures-5-and-6.png"):
        assert (tmp_path / "supervised" / name).is_file()
    (record,) = list((tmp_path / "supervised").glob("SAGAN-seed0-*/outcome.json"))
    assert set(class_distances(Outcome(**json.loads(record.read_text())))) == set("0123456789")


def test_tables_that_need_other_data_have_their_cases_and_cells() -> None:
    large = {case.name: case for case in conditional_losses.cases("imagenet128", "x", 1.0, None)}
    assert list(large) == ["biggan", "omni-gan", "omni-inr-gan"]
    cells, head = conditional_losses.paper_cells("imagenet256")
    assert cells["omni-inr-gan"] == ["4.93", "343.22"] and head == "paper FID | paper IS"
    assert conditional_losses.paper_cells("digits") == ({}, "")
    assert conditional_losses.paper_cells("cifar100")[0]["omni-gan, decay"] == ["8.41", "13.30", "no"]
    joint = {case.name: case.recipe for case in self_conditioned_images.cases("joint", "x", 1.0)}
    assert joint["gan"].flat_numbers()["r1_weight"] == 100
    assert joint["conditional-gan"].flat_numbers()["fake_labels"] == "data"
    for part in ("imagenet", "places365"):
        made = self_conditioned_images.cases(part, "x", 1.0)
        assert [case.name for case in made] == list(self_conditioned_images.PAPER[part])
    assert next(iter(early_collapse.recipes("1a", "cifar100"))) == "omni, decay"
    overfitting = early_collapse.recipes("14", "cifar100")
    assert [recipe.discriminator_weight_decay for recipe in overfitting.values()] == [0.0, 5e-4]
