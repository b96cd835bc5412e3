"""The experiment on restoration: one tiny run of every method, its tables and pictures, and how cases differ."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from everymode.restoration import SMALL
from experiments import restoration, restoration_pictures, restoration_trials
from experiments.harness.results import Case, Outcome
from experiments.restoration_trials import (
    BASELINES,
    BICUBIC,
    CONVOLUTIONAL,
    DOUBLE,
    GRAY,
    INR,
    UNTRAINED,
    Restorations,
    restore_with_prior,
    restore_without_prior,
    restored_pictures,
    tasks_of,
    trained_prior,
    trained_run,
)

TINY = "width=4,head_width=4,batch_size=4,latent_dim=8,precision=float32,watch_samples=0,snapshot=20"
JUDGE = Restorations(
    restoration.HELD_OUT["shapes"], num=1, candidates=2, dip_steps=1, dip_width=4, liif_steps=1
)


def options(**changed: object) -> Namespace:
    return Namespace(**({"on": "shapes", "budget": 0.001, "data": "", "numbers": TINY} | changed))


def tiny(case: Case) -> Case:
    recipe = replace(case.recipe, steps=1, tick=1, snapshot=1, held_out="")
    return case._replace(recipe=recipe, data=f"{restoration.SHAPES.data},samples=8")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    short = tuple(replace(stage, steps=1) for stage in SMALL)
    monkeypatch.setattr(restoration_trials, "SMALL", short)


def test_every_method_has_scores_and_pictures_and_is_not_run_twice(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [tiny(case) for case in restoration.cases("tasks", options())]
    assert [case.name for case in cases] == [INR, UNTRAINED, *BASELINES]
    cases.insert(1, tiny(restoration.cases("priors", options())[1]))
    outcomes = []
    for case in cases:
        play = restore_without_prior if case.name in BASELINES else restore_with_prior
        outcome = play(case, 0, tmp_path / case.name, JUDGE)
        assert {f"{task} psnr" for task in tasks_of(case)} <= outcome.scores.keys(), case.name
        outcomes.append(outcome)
    names = {outcome.case: outcome for outcome in outcomes}
    assert names[INR].scores["double psnr"] != names[UNTRAINED].scores["double psnr"]
    shown = restored_pictures(names[INR], DOUBLE)
    assert shown is not None and shown.shape == (1, 4, 3, 16, 16), "three stages and the result"
    assert len(list((tmp_path / "priors").iterdir())) == 2, "trained and untrained share a run"

    def again(*arguments: object) -> Outcome:
        raise AssertionError(arguments)

    monkeypatch.setattr(restoration_trials, "_one_task", again)
    for case, before in zip(cases, outcomes, strict=True):
        play = restore_without_prior if case.name in BASELINES else restore_with_prior
        assert play(case, 0, tmp_path / case.name, JUDGE) == before, "read from files"

    monkeypatch.setattr(restoration_pictures, "RECTANGLES", 1)
    paths = restoration.drawn(cases, outcomes, JUDGE, tmp_path / "out")
    assert {path.name for path in paths} == {
        *("reconstruct.png", "colorize.png", "double.png", "colorize-stages.png", "double-stages.png"),
        "any-size.png",
    }
    assert all(path.is_file() for path in paths)
    assert CONVOLUTIONAL in names


def test_an_untrained_prior_has_the_initial_weights_and_the_trained_critic(tmp_path: Path) -> None:
    case = tiny(restoration.cases("tasks", options())[0])
    run = trained_run(case, 3, tmp_path)
    trained = trained_prior(case, run, JUDGE)
    untrained = trained_prior(case._replace(name=UNTRAINED), run, JUDGE)
    weights = [prior.generator.state_dict() for prior in (trained, untrained)]
    assert any(not torch.equal(weights[0][name], value) for name, value in weights[1].items())
    states = [prior.critic.state_dict() for prior in (trained, untrained)]
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())
    first = {name: value for name, value in weights[1].items() if name.startswith("linear")}
    start = run.folder / "checkpoints" / "step-0000000" / "generator.safetensors"
    if start.is_file():
        from safetensors.torch import load_file

        assert all(torch.equal(load_file(start)[name], value) for name, value in first.items())


def test_priors_differ_in_what_their_names_say() -> None:
    found = {case.name: case.recipe.flat_numbers() for case in restoration.cases("priors", options())}
    for name, numbers in found.items():
        differing = {each for each in numbers if numbers[each] != found[CONVOLUTIONAL].get(each)}
        assert differing <= {"name", "head_width", "border_padding", "head", "class_bias"}, name
    digits = restoration.cases("tasks", options(on="digits", numbers=""))
    assert GRAY not in [case.name for case in digits] and tasks_of(digits[0]) == ("reconstruct", "double")


def test_pictures_to_choose_the_rate_are_others() -> None:
    case = restoration.cases("rates", options())[0]
    main = replace(JUDGE, num=5).held_out(case)
    others = replace(JUDGE, num=3, skip=5).held_out(case)
    assert torch.cdist(main.flatten(1), others.flatten(1)).min() > 0
    assert [stage.generator_rate for stage in replace(JUDGE, rate=0.5).schedule()] == [0.5] * 3
    with pytest.raises(ValueError, match=r"has 256 pictures, and 300 are needed"):
        replace(JUDGE, num=300).held_out(case)


def test_differences_are_of_one_seed_and_held_against_the_aims() -> None:
    outcomes = [
        Outcome(name, seed, {"double psnr": value + seed}, "", None, "")
        for name, value in ((INR, 30.0), (UNTRAINED, 27.5), (BICUBIC, 31.0))
        for seed in (0, 1)
    ]
    lines = restoration.aims_table(outcomes).splitlines()[2:]
    assert lines == [
        "| doubling: above untrained | 2 | 2.50 ± 0.00 | 2.50, 2.50 | yes |",
        "| doubling: above bicubic | above 0 | -1.00 ± 0.00 | -1.00, -1.00 | no |",
    ]
    searched = replace_scores(outcomes[0], {"double psnr": 30.0, "double search psnr": 20.0})
    rows = restoration.with_searches([searched, outcomes[2]])
    assert [row.case for row in rows] == [INR, f"{INR}, search alone", UNTRAINED]
    assert rows[1].scores == {"double psnr": 20.0}
    text = restoration.rates_table(dict.fromkeys(restoration.RATES, outcomes))
    assert text.splitlines()[0].startswith(f"| generator's rate | double, {INR} | double, {UNTRAINED} |")


def replace_scores(outcome: Outcome, scores: dict[str, float]) -> Outcome:
    return outcome._replace(scores=scores)
