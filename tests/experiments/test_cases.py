"""The experiments: every case builds, sets keep runs apart by what they are, tables say what was measured."""

from __future__ import annotations

import io
from argparse import Namespace
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from children import forking
from PIL import Image

from everymode.data.opening import open_images
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.plain_losses import Logistic
from experiments import class_margin, conditional_losses, early_collapse, shared_hinge
from experiments.harness.budget import scaled
from experiments.harness.curves import plot
from experiments.harness.flags import chosen
from experiments.harness.judging import Judge, opened_for
from experiments.harness.measuring import columns_of, measured
from experiments.harness.renumbering import named_numbers, renumbered
from experiments.harness.repeated import few_images, run_all, train_and_judge
from experiments.harness.results import Case, Outcome
from experiments.harness.tables import mean_and_spread, table

DIGITS = find("biggan-digits")


@pytest.fixture(autouse=True)
def quick_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.harness.repeated.get_context", forking)


@dataclass(frozen=True, kw_only=True)
class OtherRecipe(Recipe):
    """Another kind of recipe with the same numbers."""


def all_cases() -> dict[str, Case]:
    found = {f"table 1: {case.name}": case for case in conditional_losses.cases("digits", "", 0.1, None)}
    for part in ("supervised", "labels"):
        found |= {case.name: case for case in class_margin.cases(part, "digits", "", "", 0.1, None)}
    large = class_margin.cases("supervised", "imagenet64", "imagenet/train", "", 1e-4, 8)
    found |= {f"ImageNet at 64 pixels: {case.name}": case for case in large}
    found |= {case.name: case for case in shared_hinge.cases("digits", "", "", 0.1)}
    for figure in early_collapse.FIGURES:
        for name, recipe in early_collapse.recipes(figure, "digits").items():
            found[f"figure {figure}: {name}"] = Case(name, scaled(recipe, 0.1), recipe.data)
    return found


CASES = all_cases()


@pytest.mark.parametrize("name", CASES)
def test_every_case_builds(name: str) -> None:
    recipe = CASES[name].recipe
    assert recipe.steps < 600
    with torch.device("meta"):
        game = replace(recipe, num_images=1000).build()
    assert ("DiffAug" in name) == (game.augment is not None)
    if "no decay" in name or name.endswith(", plain"):
        assert recipe.discriminator_weight_decay == recipe.generator_weight_decay == 0


@pytest.mark.parametrize("part", ["supervised", "labels"])
def test_margins_are_compared_on_equal_terms(part: str) -> None:
    recipes = [case.recipe.flat_numbers() for case in class_margin.cases(part, "digits", "", "", 0.2, None)]
    of_the_loss = {
        "name",
        "margin",
        "generator_margin",
        "class_weight",
        "aux_on_fake",
        "hinge",
        "improved",
        "projection",
        "head",
        "class_bias",
    }
    guessing = {"labeled_fraction", "labeled_share"} if part == "labels" else set()
    for recipe in recipes:
        for name in recipes[0].keys() - of_the_loss - guessing:
            assert recipe[name] == recipes[0][name], name


def test_the_cases_of_a_figure_take_other_numbers() -> None:
    options = Namespace(figure="few", on="digits", data="", held_out="", images=100, width=4, budget=0.1)
    options.decay, options.numbers = 5e-3, "discriminator-steps=4, beta1=0.5,initialization=orthogonal"
    found = {case.name: case.recipe for case in early_collapse.cases(options)}
    assert set(found) == {"omni, no decay", "omni, decay", "AC-GAN, no decay", "AC-GAN, decay"}
    for name, recipe in found.items():
        wanted = (5e-3, 1e-3) if name.endswith(", decay") else (0, 0)
        assert (recipe.discriminator_weight_decay, recipe.generator_weight_decay) == wanted
        assert (recipe.flat_numbers()["width"], recipe.steps) == (4, 100)
        assert (recipe.discriminator_steps, recipe.beta1) == (4, 0.5)
    options.numbers = "discriminator_step=4"
    with pytest.raises(ValueError, match="Did you mean discriminator_steps"):
        early_collapse.cases(options)
    with pytest.raises(ValueError, match="names no number and its value"):
        named_numbers("width")


def test_other_steps_take_the_ticks_and_the_switches_with_them() -> None:
    cases = [Case(name, find(name), "") for name in ("multi-hinge-shared-gan-cifar10", "omni-gan-cifar10")]
    for case in renumbered(cases, "steps=20000"):
        assert (case.recipe.steps, case.recipe.tick, case.recipe.snapshot) == (20_000, 1000, 10_000)
    assert shared_hinge.switch_of(renumbered(cases, "steps=20000")[0].recipe) == round(
        580_000 * 20_000 / 585_000
    )


def test_paper_sized_cases_of_imagenet() -> None:
    large = {
        case.name: case.recipe for case in class_margin.cases("supervised", "imagenet128", "x", "", 1.0, None)
    }
    assert large["AC-GAN"].name == "ac-gan-imagenet128" and large["AC-GAN"].discriminator_lr == 4e-4
    assert large["Multi-hinge GAN, shared"].name == "multi-hinge-shared-gan-imagenet128"
    assert len(class_margin.cases("labels", "imagenet128", "x", "", 1.0, None)) == 5
    assert shared_hinge.switch_of(shared_hinge.cases("imagenet64", "x", "", 1.0)[2].recipe) == 1_000_000


def test_a_judge_opens_data_as_the_recipe_takes_them(tmp_path: Path) -> None:
    rows = {"img": [], "fine_label": [], "coarse_label": []}
    for i in range(12):
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (20 * i, 0, 0)).save(file, "PNG")
        rows["img"].append({"bytes": file.getvalue()})
        rows["fine_label"].append(i % 4)
        rows["coarse_label"].append(i % 2)
    pq.write_table(pa.table(rows), tmp_path / "cifar100-train.parquet")
    opened = opened_for(find("omni-gan-cifar100"))(str(tmp_path / "cifar100-train.parquet"))
    assert opened.class_counts[:4] == (3, 3, 3, 3)


def test_measured_on_the_way(tmp_path: Path) -> None:
    recipe = find("omni-gan-digits").with_numbers(
        steps=4, width=2, batch_size=8, tick=2, held_out="", watch_samples=0
    )
    (case,) = measured([Case("omni", recipe, "digits:train")], 2, "random:16", 20)
    outcome = train_and_judge(case, 0, tmp_path, lambda run, data: {"fd": 1.0})
    assert outcome.scores["fd"] == 1.0 and outcome.scores["best fd"] > 0
    assert outcome.scores["best fd at"] in (2, 4)
    options = Namespace(on="digits", data="", measure=2)
    assert columns_of(options, ("fd", "pr")) == [
        *("fd", "precision", "recall", "best fd", "best fd at", "best is", "agreement", "variety")
    ]
    assert plot([outcome], {"fd": "distance"}, tmp_path / "curves.png").is_file()


def test_a_run_that_diverges_is_a_row(tmp_path: Path) -> None:
    recipe = find("omni-gan-digits").with_numbers(
        steps=4, width=2, batch_size=8, tick=1, held_out="", watch_samples=0, discriminator_lr=1e30
    )
    outcome = train_and_judge(
        Case("omni", recipe, "digits:train"), 0, tmp_path, lambda run, data: {"fd": 1.0}
    )
    assert outcome.scores == {} and outcome.alarm.startswith("diverged: ")
    assert "| omni | - | 1 of 1 |" in table([outcome], ["fd"], {}, "")


def test_the_paper_stands_beside_the_curves() -> None:
    assert early_collapse.paper_cells("AC-GAN, DiffAug, no decay", "cifar10") == ["5.71", "9.76", "no"]
    assert early_collapse.paper_cells("omni, decay", "cifar100") == ["8.41", "13.30", "no"]
    assert early_collapse.paper_cells("omni, decay of D 0.0005", "cifar100") == ["-", "-", "-"]


def test_only_takes_whole_names_with_commas() -> None:
    cases = [
        Case(name, DIGITS, "")
        for name in ("omni, decay", "omni, decay of D only", "omni, no decay", "AC-GAN")
    ]
    assert [case.name for case in chosen(cases, "omni, decay")] == ["omni, decay"]
    assert [case.name for case in chosen(cases, "omni, decay, AC")] == ["omni, decay", "AC-GAN"]
    assert len(chosen(cases, "decay")) == 3


def test_penalties_are_there() -> None:
    for name, term in {"WGAN-GP": "wgan-gp", "WGAN-div": "wgan-div", "R1": "r1"}.items():
        with torch.device("meta"):
            game = CASES[f"figure 10: AC-GAN, {name}"].recipe.build()
        assert [each.name for each in game.objective.discriminator_terms] == ["classes", term]


def test_a_few_images_are_equally_many_of_each_class() -> None:
    data = open_images("digits:train", resolution=16)
    few = few_images(data, 3, images=40)
    assert np.bincount(few.labels).tolist() == [4] * 10
    assert few_images(data, 3, images=40).fingerprint == few.fingerprint
    assert few_images(data, 4, images=40).fingerprint != few.fingerprint


def test_scaling_scales_what_a_recipe_names() -> None:
    whole = find("multi-hinge-shared-gan-digits")
    half = scaled(whole, 0.5)
    assert half.ema_decay == pytest.approx(
        whole.ema_decay**2
    )  # as many shares of training back, as little weight
    assert scaled(whole, 1.0).ema_decay == whole.ema_decay
    assert (half.steps, shared_hinge.switch_of(half), half.ema_start, half.tick) == (500, 300, 25, 25)


def only_named(case: Case, seed: int, folder: Path, judge: Judge) -> Outcome:
    """A run that is not made."""
    folder.mkdir(parents=True)
    return Outcome(case.name, seed, {}, "", None, str(folder))


@pytest.mark.usefixtures("trained_digits")
def test_a_set_goes_on_and_takes_no_other_sets_results(tmp_path: Path) -> None:
    small = scaled(DIGITS, 0.02, width=4, batch_size=16, watch_samples=20)
    judge = Judge(samples=100, metrics=("fd", "per-class"))
    prepare = partial(few_images, images=40)
    run = partial(run_all, seeds=[0], out=tmp_path, processes=1, judge=judge)
    (first,) = run([Case("one", small, "digits:train", prepare)])
    assert {"fd", "fd-per-class", "agreement", "last coverage"} <= first.scores.keys()
    assert first.scores["fd"] != first.scores["fd-per-class"]
    assert run([Case("one", small, "digits:train", prepare)]) == [first]
    (other,) = run([Case("one", small.with_numbers(width=8), "digits:train", prepare)], play=only_named)
    assert other.folder != first.folder and other.scores == {}


def test_one_recipe_under_two_names_is_trained_once(tmp_path: Path) -> None:
    cases = [
        Case("decay", DIGITS, "digits"),
        Case("wide", DIGITS.with_numbers(width=64), "digits"),
        Case("decay of D 5e-4", DIGITS, "digits"),
    ]
    outcomes = run_all(cases, seeds=iter([0, 1]), out=tmp_path, processes=1, judge=1, play=only_named)
    assert [(outcome.case, outcome.seed) for outcome in outcomes] == [
        (case.name, seed) for seed in (0, 1) for case in cases
    ]
    assert len(list(tmp_path.glob("*/outcome.json"))) == 4
    assert outcomes[0].folder == outcomes[2].folder != outcomes[1].folder


def test_recipes_of_two_kinds_with_equal_numbers_are_two(tmp_path: Path) -> None:
    others = (DIGITS, OtherRecipe(**vars(DIGITS)), replace(DIGITS, loss=Logistic(head="projection")))
    cases = [Case(name, recipe, "digits") for name, recipe in zip("abc", others, strict=True)]
    assert all(other.flat_numbers() == DIGITS.flat_numbers() for other in others)
    outcomes = run_all(cases, seeds=[0], out=tmp_path, processes=1, judge=1, play=only_named)
    assert len({outcome.folder for outcome in outcomes}) == 3


def test_what_was_finished_under_another_name_is_taken(tmp_path: Path) -> None:
    run = partial(run_all, seeds=[0], out=tmp_path, processes=1, judge=1, play=only_named)
    (first,) = run([Case("second name", DIGITS, "digits")])
    both = run([Case("first name", DIGITS, "digits"), Case("second name", DIGITS, "digits")])
    assert [outcome.folder for outcome in both] == [first.folder] * 2


def test_tables_by_hand() -> None:
    rows = [
        Outcome("a", seed, {"fd": fd, "agreement": 0.5}, "", None, "") for seed, fd in enumerate((1.0, 3.0))
    ]
    rows.append(Outcome("b", 0, {"fd": 2.0}, "coverage fell", 10, ""))
    lines = table(rows, ["fd", "agreement"], {"a": ["7.27"]}, "paper FID").splitlines()
    assert lines[0] == "| case | paper FID | fd | agreement | alarms | seeds |"
    assert lines[2] == "| a | 7.27 | 2 ± 1.4 | 50 ± 0 % | 0 of 2 | 2 |"
    assert lines[3] == "| b | - | 2 | - | 1 of 1 | 1 |"
    assert mean_and_spread([], "standard deviation") == "-"
    several = [Case(name, DIGITS, "") for name in ("gan", "mgan", "pac-gan2")]
    assert chosen(several, "gan, pac") == [several[0], several[2]]
    assert chosen(several, "") == several and chosen(several, "n") == several
    with pytest.raises(ValueError, match="no case has any of"):
        chosen([Case("one", DIGITS, "")], "two")
