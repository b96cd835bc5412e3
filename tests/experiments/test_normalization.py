"""The experiments on normalization: their cases build, their arithmetic by hand, one tiny set from end to end."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.norms import compensation
from everymode.recipes.san_gan import SparsityAware
from experiments import compensation as subsets
from experiments import lipschitz_example
from experiments.critic_spectra import convolutions_of, spectra_of, spectra_table
from experiments.harness.results import Outcome
from experiments.harness.unconditional import metric_curve, trained_run
from experiments.normalization import CONSTANTS, PAPER, PARTS, PLAIN, by_seed, cases, judge_for, normalized

ON = [(part, on) for part in PARTS for on in CONSTANTS if (part, on) != ("table1-biggan", "stl10")]


@pytest.mark.parametrize(("part", "on"), ON)
def test_every_case_builds(part: str, on: str) -> None:
    made = cases(part, on, "somewhere", 0.01, 4)
    assert len({case.name for case in made}) == len(made)
    numbers = {"channels": 3, "num_classes": 10} if part == "table1-biggan" else {}
    for case in made:
        with torch.device("meta"):
            replace(case.recipe, **numbers).build()
        assert bool(case.recipe.metrics) == PARTS[part].curves
    steps = {case.recipe.steps for case in made}
    assert len(steps) == 1 and judge_for(part, on, "somewhere").samples >= 1000


def test_cases_are_those_of_the_paper() -> None:
    assert {"SAN-GAN", "SN-GAN", "weight clipping"} <= PAPER.keys() & PLAIN.keys()
    gains = [case.recipe.flat_numbers()["gain"] for case in cases("looseness", "digits", "", 1.0, None)]
    assert gains[0] == 0.5 and gains[-1] == 1.5 and 1.1 in gains
    in_place = [
        case.recipe.norm for case in cases("interval", "digits", "", 1.0, None) if "place" in case.name
    ]
    assert in_place == [SparsityAware(in_place=True, interval=interval) for interval in (1, 10, 100, 1000)]
    settings = {case.name: case.recipe for case in cases("settings", "cifar10", "there", 1.0, None)}
    high = settings["F, SAN-GAN"]
    assert len(settings) == 18 and high.discriminator_lr == pytest.approx(5e-4)
    assert (high.beta1, high.beta2, high.discriminator_steps) == (0.0, 0.9, 2)
    with pytest.raises(ValueError, match="BigGAN is compared on digits and cifar10"):
        cases("table1-biggan", "stl10", "there", 1.0, None)


@pytest.mark.usefixtures("trained_digits")
def test_a_tiny_run_is_judged_without_labels(tmp_path: Path) -> None:
    (case,) = [case for case in cases("convergence", "digits", "", 0.01, 2) if case.name == "SAN-GAN"]
    small = replace(case.recipe, batch_size=16, watch_samples=0, metric_images=20, snapshot=10)
    run = trained_run(small, case.data, tmp_path)
    scores = replace(judge_for("convergence", "digits", ""), samples=100)(run, case.data)
    assert {"fd", "precision", "recall", "classes", "class kl"} == scores.keys()
    assert 1 <= scores["classes"] <= 10 and 0 <= scores["class kl"] <= math.log(10)
    curve = metric_curve(Outcome("one", 0, scores, "", None, str(run.folder)), "fd")
    assert list(curve) == [10, 20] and all(value > 0 for value in curve.values())


def test_norms_of_a_trained_critic(tmp_path: Path) -> None:
    recipe = normalized("SAN-GAN", "digits", residual=True, width=2, steps=2, batch_size=8, snapshot=2)
    run = trained_run(replace(recipe, watch_samples=0), "digits:train", tmp_path)
    found = spectra_of(run)
    assert len(found) == 8  # two 3x3 convolutions in each of four blocks
    for each in found:
        assert each.sparse == pytest.approx(1, rel=0.05)  # the last step moved the weights a little
        assert each.sparse <= each.exact * 1.0001
    assert len(spectra_table(found).splitlines()) == 10
    layers = convolutions_of(run.recipe.build().discriminator, (16, 16), 1)
    assert [each.grid for each in layers if each.weight.shape[2] == 3] == [(16, 16)] * 2 + [(8, 8)] * 2 + [
        (4, 4)
    ] * 4


def test_the_mean_of_subsets_maxima_by_enumeration() -> None:
    values = np.sort(np.random.default_rng(0).exponential(size=9))
    for count in (1, 4, 9):
        maxima = [max(subset) for subset in combinations(values, count)]
        assert subsets.mean_of_maximum(values, count) == pytest.approx(np.mean(maxima), rel=1e-12)
    assert subsets.needed(values, 1.0) == pytest.approx(1, rel=1e-12)


def test_the_formula_is_right_where_peaks_are_exponential() -> None:
    peaks = np.sort(np.random.default_rng(1).exponential(size=40_000))
    for ratio in (0.1, 0.5):
        formula = compensation(len(peaks), ratio)
        assert subsets.monte_carlo(4096, ratio) == pytest.approx(compensation(4096, ratio), rel=0.03)
        assert subsets.mean_of_maximum(peaks, int(ratio * 40_000)) * formula == pytest.approx(
            sum(1 / n for n in range(1, 40_001)), rel=0.1
        )


def test_the_grids_gain_is_the_whole_compensation() -> None:
    case = next(
        case for case in subsets.grid_cases("digits", "", 0.1, {"width": 2}) if case.name == "r 25%, g 1.3"
    )
    recipe = case.recipe
    assert recipe.norm == SparsityAware(fraction=0.25, compensation=1.3)
    layer = recipe.build().discriminator.convolutions[3]
    count = layer.weight.shape[0] * layer.weight.shape[1]
    parametrization = layer.parametrizations.weight[0]
    assert parametrization.gain * compensation(count, 0.25) == pytest.approx(1.3)


def test_layers_of_norm_one_share_their_slopes() -> None:
    zigzag, through_zero, free = lipschitz_example.TARGETS
    loose = lipschitz_example.fit(through_zero, constrained=False, seed=0, steps=300)
    tight = lipschitz_example.fit(through_zero, constrained=True, seed=0, steps=300)
    assert loose.error < 1e-4 and tight.error == pytest.approx(1 / 12, rel=0.02)
    assert tight.left == pytest.approx(0.5, abs=0.02) and tight.right == pytest.approx(0.5, abs=0.02)
    fitted = lipschitz_example.fit(zigzag, constrained=True, seed=0, steps=50)
    assert abs(fitted.left) + abs(fitted.right) <= 1 + 1e-9
    assert free.bias and zigzag.function(torch.tensor([0.0, 1.0, 1.5])).tolist() == [0.5, -0.5, 0.0]


def test_a_seed_a_column() -> None:
    rows = [Outcome("a", seed, {"fd": 1.5 + seed}, "", None, "") for seed in (0, 1)]
    assert by_seed(rows, "fd").splitlines() == [
        "| case | seed 0 | seed 1 |",
        "|---|---|---|",
        "| a | 1.5 | 2.5 |",
    ]
