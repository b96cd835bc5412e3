"""Reconstruction, segmentation distance and dissection: what they share, and a report of each from tiny generators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from everymode.data.opening import open_images
from everymode.dissection.dissecting import Dissection, LayerDissection
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of
from experiments import dissection, reconstruction, segmentation_distance
from experiments.harness import trained_generators as shared
from experiments.harness.results import Case, Outcome
from experiments.harness.trained_generators import (
    CONDITIONAL,
    METHODS,
    SELF_CONDITIONED,
    SHAPES,
    UNCONDITIONAL,
    cases,
    generator_at,
    saved_generator,
    stage_steps,
    trained,
    untrained,
    with_joint_classes,
)

SCORES = {"minutes": 0.5}


def by_name(all_cases: list[Case]) -> dict[str, Case]:
    """Return the cases by name."""
    return {case.name: case for case in all_cases}


def small(name: str, classes: int) -> Case:
    """A case with the smallest networks."""
    case = by_name(cases("shapes", 0.01))[name]
    return case._replace(recipe=case.recipe.with_numbers(width=2, latent_dim=6, num_classes=classes))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, with the saved generators of a conditional and an unconditional case at each stage."""
    folder = tmp_path_factory.mktemp("run")
    for name, classes in ((CONDITIONAL, 18), (UNCONDITIONAL, 0)):
        case = small(name, classes)
        for number, step in enumerate(stage_steps(case)):
            torch.manual_seed(number)
            game = case.recipe.build()
            config: dict[str, Any] = {"format": FORMAT, "recipe": {"file": None, **record_of(case.recipe)}}
            Generator(game.generator, game.labels, classes=(), config=config).save(
                saved_generator(folder / name, step)
            )
    return folder


@pytest.fixture(autouse=True)
def few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "BATCHES", 1)


@pytest.fixture
def quick(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run an experiment on the saved generators in this process, and return its report."""

    def call(module: Any, all_cases: list[Case], *words: str) -> str:
        def play_all(some: list[Case], *, seeds: range, out: Path, play: Any, judge: Any, **_: Any) -> Any:
            return [play(case, seed, out / f"{case.name}-{seed}", judge) for seed in seeds for case in some]

        monkeypatch.setattr(
            module,
            "trained",
            lambda case, seed, _: (Outcome(case.name, seed, SCORES, "", None, ""), run / case.name),
        )
        monkeypatch.setattr(module, "run_all", play_all)
        monkeypatch.setattr(module, "cases", lambda *_: all_cases)
        module.main(["--seeds", "1", "--out", str(tmp_path / "out"), *words])
        return next((tmp_path / "out").rglob("report.md")).read_text()

    return call


def test_cases_differ_in_their_labels_only() -> None:
    for on in ("shapes", "cifar10"):
        found = by_name(cases(on, 0.1, "photos"))
        assert list(found) == list(METHODS)
        plain = found[UNCONDITIONAL].recipe
        for case in found.values():
            same = case.recipe.with_numbers(name=plain.name, labels=plain.labels)
            assert same == plain and not (case.recipe.lr_decay or case.recipe.held_out)
            assert case.recipe.data == case.data and (on == "shapes") == case.data.startswith("shapes:")
    assert stage_steps(cases("shapes", 1.0)[0]) == [400, 800, 1200, 1600]


def test_joint_classes_are_combinations() -> None:
    data = open_images(f"{SHAPES},samples=40", resolution=(16, 16), progress=False)
    joint = with_joint_classes(data)
    assert joint.num_classes == 18 and not joint.label_blocks
    names = [f"{data.label_blocks[0][a]} {data.label_blocks[1][b]}" for a, b in data.labels.tolist()]
    assert [joint.classes[label] for label in joint.labels.tolist()] == names


def test_an_untrained_generator_has_other_weights_and_statistics_of_its_own(run: Path) -> None:
    case = small(CONDITIONAL, 18)
    generator = generator_at(case, run / CONDITIONAL, case.recipe.steps)
    generator.network.get_parameter("convolutions.0.bias").data.fill_(100.0)
    first, again, other = (untrained(generator, seed).network.state_dict() for seed in (0, 0, 1))
    kept = generator.network.state_dict()
    assert first.keys() == kept.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    for name in ("convolutions.0.weight", "norms.0.running_var"):
        assert not torch.equal(first[name], kept[name]) and not torch.equal(first[name], other[name])
    assert first["convolutions.0.bias"].abs().max() < 100, "biases are initial ones too"
    assert not generator.network.training


def test_experiments_share_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = []

    def play(case: Case, seed: int, folder: Path, judge: object) -> Outcome:
        played.append((case.name, seed))
        return Outcome(case.name, seed, SCORES, "", None, str(folder))

    monkeypatch.setattr(shared, "train_in_stages", play)
    case = cases("shapes", 0.1)[0]
    first = trained(case, 0, tmp_path)
    assert trained(case, 0, tmp_path) == first and played == [(case.name, 0)]
    trained(case, 1, tmp_path)
    trained(case._replace(recipe=case.recipe.with_numbers(width=3)), 0, tmp_path)
    assert len(played) == 3


def test_reconstruction_reports_every_stage(
    quick: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "plot_stages", lambda outcomes, titles, path: path)
    monkeypatch.setattr(reconstruction, "perceptual_network", _without_lite0)
    words = ("--images", "3", "--steps", "1", "--encoder-steps", "1")
    text = quick(reconstruction, [small(UNCONDITIONAL, 0)], *words)
    assert "psnr at step 5 | psnr at step 10 | psnr at step 20 | L1 at step 5" in text
    row = next(line for line in text.splitlines() if line.startswith("| unconditional"))
    assert row.split(" | ")[1] == "0.528" and row.count("-") <= 1


def test_own_samples_start_from_encoder_and_codes(quick: Callable[..., str]) -> None:
    words = ("--part", "own", "--images", "3", "--steps", "1", "--encoder-steps", "1")
    text = quick(reconstruction, [small(CONDITIONAL, 18)], *words)
    assert "encoder, 0 steps | encoder, 1 steps | random z, true class, 0 steps" in text


def test_distances_of_images_by_hand() -> None:
    originals = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    images = originals.clone()
    images[1] += 51
    found = reconstruction.distances_of(images, originals, None)
    assert found["L1"].tolist() == pytest.approx([0, 0.4])
    assert found["psnr"][1] == pytest.approx(10 * np.log10(25))


def test_segmentation_distance_orders_its_rows(
    quick: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"real": 2.0, "dropped": 60.0, "arrays": 90.0}
    sides = []

    def scores(self: object, fake: Any, size: tuple[int, int]) -> dict[str, float]:
        kind = "arrays" if isinstance(fake, tuple) else "dropped" if "colors=" in fake else "real"
        sides.append(fake)
        return {"fsd": values[kind] * (1 + 9 * (len(sides) == 4)), "fd": 1.0, "largest change": 0.1}

    monkeypatch.setattr(segmentation_distance.Areas, "scores", scores)
    text = quick(segmentation_distance, [small(CONDITIONAL, 18)], "--num", "4")
    assert "real 2.00, class-conditional 90.0, untrained 900 are in this order" in text
    assert "a dropped color costs 60.0, 30 times the floor" in text
    assert "| class-conditional | 8.12 | 58.17 |" in text
    assert sides[2].endswith("colors=red+green+blue+yellow+purple") and "seed=101," in sides[1]
    wrong = Outcome(
        "x",
        0,
        {"fsd": 1.0, "real: fsd": 2.0, "one color dropped: fsd": 3.0, "untrained: fsd": 4.0},
        "",
        None,
        "",
    )
    assert "NOT in this order" in segmentation_distance.verdicts([wrong])[0]


def test_areas_are_scored_against_held_out_images() -> None:
    judge = segmentation_distance.Areas(num=24, extractor="random")
    same = judge.scores(judge.test, (16, 16))
    assert same["fsd"] == pytest.approx(0, abs=1e-6) and same["halves"] > 0 and same["largest change"] == 0


def test_dissection_reports_units_at_all_tails(
    quick: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dissection, "plot", lambda outcomes, path: path)
    text = quick(dissection, [small(CONDITIONAL, 18)], "--num", "8", "--conditions", "2")
    assert "| case | layer | units | 0.001 | 0.002 | 0.005 | 0.01 | 0.02 | 0.05 | 0.1 | 0.2 |" in text
    assert "| untrained | block 2 | 2 |" in text and "| class-conditional | 562 |" in text


def test_the_shown_unit_is_the_one_whose_worse_condition_is_best() -> None:
    def one(labels: list[int], iou: list[float]) -> Dissection:
        best = torch.tensor(iou)
        layer = LayerDissection(
            0, "block", best, True, best[None], None, torch.tensor(labels), best, best > 0.04, {}
        )
        return Dissection((layer,), "palette", "", 1, 3, None, 0.01, 0.04, "iou", 0)

    results = [one([1, 1, 1], [0.5, 0.3, 0.9]), one([2, 2, 1], [0.1, 0.2, 0.8]), one([1, 1, 1], [0, 0, 0.9])]
    assert dissection.unit_of(results, True) == (0, 1, (0, 1))
    assert dissection.unit_of(results, False) == (0, 2, (0, 2))
    assert dissection.unit_of(results[:1], True) is None


def _without_lite0(*files: object) -> None:
    raise ModuleNotFoundError("no lite0")


def test_the_self_conditioned_case_has_more_clusters_than_classes() -> None:
    recipe = by_name(cases("shapes", 1.0))[SELF_CONDITIONED].recipe
    assert recipe.flat_numbers()["clusters"] >= 18
