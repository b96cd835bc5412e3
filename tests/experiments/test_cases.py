"""The experiments: every case builds, sets keep runs apart by what they are, tables say what was measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.data.opening import open_images
from everymode.recipes import find
from experiments import class_margin, conditional_losses, early_collapse, shared_hinge
from experiments.repeated import (
    Case,
    Judge,
    Outcome,
    chosen,
    few_images,
    mean_and_spread,
    run_all,
    scaled,
    table,
)

DIGITS = find("biggan-digits")


def all_cases() -> dict[str, Case]:
    found = {f"table 1: {case.name}": case for case in conditional_losses.cases("digits", "", 0.1, None)}
    for part in ("supervised", "labels"):
        found |= {case.name: case for case in class_margin.cases(part, "digits", "", "", 0.1, None)}
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
    assert (half.steps, half.hinge_start, half.ema_start, half.tick) == (500, 300, 25, 25)


def test_a_set_goes_on_and_takes_no_other_sets_results(tmp_path: Path) -> None:
    small = replace(scaled(DIGITS, 0.02), width=4, batch_size=16, watch_samples=20)
    judge = Judge(samples=20, metrics=("fd", "per-class"))
    prepare = partial(few_images, images=40)
    run = partial(run_all, seeds=[0], out=tmp_path, processes=1, judge=judge)
    (first,) = run([Case("one", small, "digits:train", prepare)])
    assert {"fd", "fd-per-class", "agreement", "last coverage"} <= first.scores.keys()
    assert first.scores["fd"] != first.scores["fd-per-class"]
    assert run([Case("one", small, "digits:train", prepare)]) == [first]
    (other,) = run([Case("one", replace(small, width=8), "digits:train", prepare)])
    assert other.folder != first.folder and other.scores != first.scores


def test_tables_by_hand() -> None:
    rows = [
        Outcome("a", seed, {"fd": fd, "agreement": 0.5}, "", None, "") for seed, fd in enumerate((1.0, 3.0))
    ]
    rows.append(Outcome("b", 0, {"fd": 2.0}, "coverage fell", 10, ""))
    lines = table(rows, ["fd", "agreement"], {"a": ["7.27"]}, "paper FID").splitlines()
    assert lines[0] == "| case | paper FID | fd | agreement | alarms | seeds |"
    assert lines[2] == "| a | 7.27 | 2 ± 1.4 | 50 ± 0 % | 0 of 2 | 2 |"
    assert lines[3] == "| b | - | 2 | - | 1 of 1 | 1 |"
    assert mean_and_spread([]) == "-"
    with pytest.raises(ValueError, match="no case has any of"):
        chosen([Case("one", DIGITS, "")], "two")
