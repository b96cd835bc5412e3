"""Every experiment prints its help fast and has listed choices; and, slow, each pair of choices makes a shrunk run."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy_games import toy_data, toy_trainer

from everymode.data.opening import open_images
from everymode.recipe import Recipe
from experiments import (
    clustered_losses,
    conditional_losses,
    early_collapse,
    mode_cases,
    normalization,
    partition_guided,
    partition_theorems,
    self_conditioned_images,
    shared_hinge,
    stacked_digits,
)
from experiments.class_margin import cases as margin_cases
from experiments.harness.flags import listed
from experiments.harness.results import Case

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(
    path.stem
    for path in (ROOT / "experiments").glob("*.py")
    if 'if __name__ == "__main__"' in path.read_text()
)
SLOW_TO_IMPORT = ("sklearn", "matplotlib", "scipy.stats", "torch._dynamo")
HELP = """
import contextlib, io, sys
from importlib import import_module
for name in sys.argv[1:]:
    module = import_module(f"experiments.{name}")
    printed = io.StringIO()
    sys.argv = [name, "--help"]
    with contextlib.redirect_stdout(printed):
        try:
            module.main()
        except SystemExit as ended:
            assert ended.code == 0, name
        else:
            raise AssertionError(f"{name} --help computes")
    assert printed.getvalue().startswith("usage: "), name
    assert module.__doc__.splitlines()[0][:40] in printed.getvalue(), name
print(*[name for name in SLOW if name in sys.modules])
"""


def test_help_of_every_experiment_needs_nothing_slow() -> None:
    """One process for all: what they import is what takes the time."""
    assert len(EXPERIMENTS) >= 20
    code = HELP.replace("SLOW", repr(SLOW_TO_IMPORT))
    done = subprocess.run(
        [sys.executable, "-c", code, *EXPERIMENTS], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == []


def test_help_is_quick() -> None:
    """Two seconds on an idle core; twice that where others compete for it."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "experiments.partition_theorems", "--help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 4


def test_lists_of_choices() -> None:
    convert = listed("ring", "grid")
    assert convert("grid, ring") == ["grid", "ring"]
    for wrong in ("square", "ring,square", ","):
        with pytest.raises(argparse.ArgumentTypeError, match="choose some of ring, grid"):
            convert(wrong)


def test_flags_of_data_and_parts_have_choices() -> None:
    """`--on` and `--part` name what they take; anything else is an error of usage, not a traceback."""
    for name in EXPERIMENTS:
        text = (ROOT / "experiments" / f"{name}.py").read_text()
        for flag in ("--on", "--part"):
            if f'"{flag}"' in text:
                declared = (
                    text.split(f'"{flag}"', 1)[1].split(")", 1)[0] + text.split(f'"{flag}"', 1)[1][:200]
                )
                assert "choices=" in declared or "type=listed(" in declared, f"{name} {flag}"


def test_the_first_theorems_rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_theorems, "SHARES", (0.5,))
    monkeypatch.setattr(partition_theorems, "DISTANCES", (1.0,))
    monkeypatch.setattr(partition_theorems, "SAMPLES", 2000)
    partition_theorems.main(["--networks", "1"])
    printed = capsys.readouterr().out
    assert "| 0.5 | 1.0 | 0.3413 | 0.3413 |" in printed and "best of 1 random networks" in printed


# ---- slow: the first case of every pair of choices


def pairs() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for on in ("digits", "cifar10", "cifar100", "imagenet128", "imagenet256"):
        found[f"conditional_losses {on}"] = conditional_losses.cases(on, "x", 0.01, 4)[0]
    for on in ("digits", "cifar10", "cifar100"):
        for figure in early_collapse.FIGURES:
            name, recipe = next(iter(early_collapse.recipes(figure, on).items()))
            found[f"early_collapse {on} {figure}"] = Case(name, recipe, "x")
    for on in ("digits", "cifar10", "imagenet64", "imagenet128"):
        found[f"shared_hinge {on}"] = shared_hinge.cases(on, "x", "", 0.01)[0]
        for part in ("supervised",) if on == "imagenet64" else ("supervised", "labels"):
            found[f"class_margin {on} {part}"] = margin_cases(part, on, "x", "", 0.01, None)[0]
    for on in partition_guided.DATA:
        for part in ("methods", "k", "weight"):
            source = (
                "digits" if on in ("32", "64", "128") else "x"
            )  # own images: parts depend on their number
            found[f"partition_guided {on} {part}"] = partition_guided.cases(part, on, source, 0.01, 4)[-1]
    for on in ("ring", "grid"):
        found[f"mode_coverage {on}"] = mode_cases.table_cases([on], "everymode", {"steps": 20})[0]
    found["mode_coverage 6"] = mode_cases.sweep_cases("everymode", {"steps": 20})[0]
    found["mode_coverage 7"] = mode_cases.variance_cases("everymode", {"steps": 20})[0]
    for on in normalization.CONSTANTS:
        for part in normalization.PARTS:
            if (on, part) == ("stl10", "table1-biggan"):
                continue  # an error of usage
            found[f"normalization {on} {part}"] = normalization.cases(part, on, "x", 0.01, 4)[0]
    for part in self_conditioned_images.PAPER:
        found[f"self_conditioned_images {part}"] = self_conditioned_images.cases(part, "x", 0.01, width=4)[0]
    found["clustered_losses"] = clustered_losses.cases(0.01)[0]
    found["stacked_digits"] = stacked_digits.cases("x", 0.01, 4, 0)[0]
    return found


def shrunk(recipe: Recipe) -> Recipe:
    small = recipe.shrunk()
    return small if small.takes_points else small.with_numbers(held_out="", data="")


@pytest.mark.slow
def test_the_first_case_of_every_pair_makes_a_shrunk_step() -> None:
    """On made-up images of the recipe's classes and size, where its data are not at hand."""
    began = time.monotonic()
    for name, case in pairs().items():
        recipe = shrunk(case.recipe)
        if recipe.takes_points:
            data = open_images(case.data).subset(range(200))
        else:
            classes = recipe.num_classes if isinstance(recipe.num_classes, int) else 3
            data = toy_data(40, size=recipe.size[0], classes=min(max(classes, 3), 10))
        fitted = replace(recipe, num_images=0, num_classes=0).for_data(data.facts())
        trainer = toy_trainer(fitted, data)
        trainer.step()
        assert trainer.completed == 1 and trainer.first_bad() is None, name
        assert all(torch.isfinite(each).all() for each in trainer.game.generator.parameters()), name
    print(f"{len(pairs())} pairs in {time.monotonic() - began:.0f} s")
