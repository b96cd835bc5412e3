"""Semantic synthesis, attribute transfer and super-resolution: rows build, judges refuse, one tiny run of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from everymode.evaluation.attribute_domains import Changes
from everymode.recipe import Recipe
from experiments import attribute_transfer, semantic_synthesis, super_resolution
from experiments.attribute_transfer import AttributeScores
from experiments.harness import stages
from experiments.harness.repeated import train_and_judge
from experiments.harness.results import Case, Outcome, kept, record_of
from experiments.semantic_synthesis import SegmenterScores
from experiments.super_resolution import PIXEL, Enlargement

SHAPES = f"shapes:labels=color+size,{attribute_transfer.SHAPES},samples=24"
LABELED_SHAPES = SHAPES.replace("color+size", "shape+color+size")
CASES = {
    f"{name}: {case.name}": case
    for name, made in {
        "losses": semantic_synthesis.cases("losses", 0.1),
        "compensation": semantic_synthesis.cases("compensation", 0.1),
        "attributes": attribute_transfer.cases(0.1),
        "x4": super_resolution.cases(4, 0.1),
        "x2": super_resolution.cases(2, 0.1),
    }.items()
    for case in made
}


def tiny(recipe: Recipe) -> Recipe:
    """Return a recipe with the smallest networks and two steps."""
    assert recipe.networks is not None
    small = recipe.networks.shrunk(recipe)
    return replace(small, steps=2, batch_size=2, tick=1, snapshot=2, watch_samples=0, held_out="")


OWN = ("losses: none", "losses: SN", "compensation: r 25%, g 1.3", "attributes: hinge, SN", "x4: pixel, RRDB")
"""Cases whose recipes are not in the catalog: the others are built by the tests of recipes."""


@pytest.mark.parametrize("name", OWN)
def test_cases_build(name: str) -> None:
    recipe = CASES[name].recipe
    known = {
        "attributes": {"num_classes": (3, 2)},
        "losses": {"map_classes": 4},
        "compensation": {"map_classes": 4},
    }
    small = tiny(recipe.with_numbers(**known.get(name.split(":")[0], {})))
    with torch.device("meta"):
        assert small.build().generator is not None


def test_cases_are_scaled_and_named_once() -> None:
    assert len(CASES) == 8 + 9 + 4 + 2 * 13
    assert all(20 <= case.recipe.steps <= 1000 for case in CASES.values())


def test_rows_differ_in_what_their_names_say() -> None:
    found = {name: recipe.flat_numbers() for name, recipe in semantic_synthesis.losses().items()}
    same = ("steps", "batch_size", "generator_lr", "discriminator_lr", "width", "critic_width", "beta2")
    for name, numbers in found.items():
        assert [numbers[each] for each in same] == [found["hinge"][each] for each in same], name
        assert numbers["discriminator_weight_decay"] == (1e-4 if name.endswith("decay") else 0.0)
        assert (numbers["beta1"], numbers["circular_padding"]) == (
            (0.5, True) if name in ("none", "SN", "SAN", "SAN, instance norm") else (0.0, False)
        )
        assert numbers["critic_instance_norm"] == (name not in ("none", "SN", "SAN"))
    weights = {name: case["adversarial"] for name, case in _numbers(super_resolution.recipes(4)).items()}
    assert (weights["SAN 0.1"], weights["SN 0.05"], weights["none 0.01"]) == (0.1, 0.05, 0.01)
    assert {case["scale"] for case in _numbers(super_resolution.recipes(2)).values()} == {2}


def _numbers(recipes: dict[str, Recipe]) -> dict[str, dict[str, object]]:
    return {name: recipe.flat_numbers() for name, recipe in recipes.items()}


def test_a_tiny_run_of_semantic_synthesis(tmp_path: Path) -> None:
    judge = SegmenterScores(
        "textures:split=test,samples=6",
        "textures:split=judge,samples=20",
        steps=2,
        extractor="random:16",
        stages=1,
        least_on_reals=0.0,
        most_on_others=1.0,
    )
    case = CASES["losses: hinge"]
    case = case._replace(recipe=tiny(case.recipe), data="textures:samples=6")
    outcome = stages.train_in_stages(case, 0, tmp_path, judge)
    assert {"miou", "pixel-accuracy", "fd", "IoU checks", "minutes"} <= outcome.scores.keys()
    assert stages.curve_of(outcome, "fd") == {2: outcome.scores["fd"]}
    picture = semantic_synthesis.draw_examples([case], [outcome], judge, tmp_path / "examples.png")
    assert picture.is_file()
    with pytest.raises(ValueError, match=r"on real test pictures .* a judge needs at least 1\.1"):
        semantic_synthesis.good_segmenter(replace(judge, least_on_reals=1.1), (16, 16))


def test_stages_resume_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []

    def played(case: Case, seed: int, folder: Path, judge: object) -> Outcome:
        trained.append(case.recipe.steps)
        return Outcome(case.name, seed, {"fd": 1.0 / case.recipe.steps, "miou": 0.5}, "", None, str(folder))

    monkeypatch.setattr(stages, "train_and_judge", played)
    judge = SegmenterScores(stages=3, curves=("fd",))
    case = CASES["losses: hinge"]
    case = case._replace(recipe=replace(case.recipe, steps=30))
    outcome = stages.train_in_stages(case, 0, tmp_path, judge)
    assert trained == [10, 20, 30]
    assert stages.curve_of(outcome, "fd") == {10: 0.1, 20: 0.05, 30: 1 / 30}
    assert stages.curve_of(outcome, "miou") == {} and outcome.scores["miou"] == 0.5
    assert stages.train_in_stages(case, 0, tmp_path, judge) == outcome
    assert trained == [10, 20, 30, 30]  # scores of stages are read from files
    assert stages.plot_stages([outcome], {"fd": "fd"}, tmp_path / "a.png").is_file()
    falling = case._replace(recipe=replace(case.recipe, lr_decay=0.5))
    with pytest.raises(ValueError, match="can't be trained in stages"):
        stages.train_in_stages(falling, 0, tmp_path, judge)


def test_a_tiny_run_of_attribute_transfer(tmp_path: Path) -> None:
    judge = AttributeScores(
        f"{LABELED_SHAPES},seed=1",
        f"{LABELED_SHAPES},seed=2",
        steps=2,
        extractor="random:16",
        least_on_reals=0.0,
    )
    case = CASES["attributes: StarGAN"]
    case = case._replace(recipe=replace(tiny(case.recipe), discriminator_steps=1), data=SHAPES)
    outcome = train_and_judge(case, 0, tmp_path, judge)
    assert set(attribute_transfer.COLUMNS) <= outcome.scores.keys()
    assert "fd red medium -> red large" in outcome.scores
    assert "fd red medium -> blue large" not in outcome.scores
    (path,) = attribute_transfer.draw_examples([case], [outcome], judge, tmp_path)
    assert path.name == "stargan.png" and path.is_file()
    with pytest.raises(ValueError, match=r"classifier of shape is right on .* at least 1\.1"):
        attribute_transfer.good_judges(replace(judge, least_on_reals=1.1), (32, 32))


def test_a_tiny_run_of_super_resolution(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    pixels = random.integers(0, 256, (48, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    photos = str(tmp_path / "photos")
    judge = Enlargement(4, test=photos, perceptual=False)
    small = {
        name: CASES[f"x4: {name}"]._replace(recipe=tiny(CASES[f"x4: {name}"].recipe), data=photos)
        for name in (PIXEL, "SAN 0.05")
    }
    record = record_of(small[PIXEL], 0, tmp_path, judge)
    first = kept(record, lambda: train_and_judge(small[PIXEL], 0, record.parent, judge))
    starting = replace(judge, starts=(small[PIXEL],))
    later = super_resolution.train_from_pixels(small["SAN 0.05"], 0, tmp_path / "san", starting)
    assert {"psnr-y", "ssim-y", "psnr-y of noise", "minutes"} <= later.scores.keys()
    (bicubic,) = super_resolution.bicubic_rows([first, later])
    assert bicubic.scores["psnr-y"] == first.scores["bicubic psnr-y"]
    crops = super_resolution.draw_crops([*small.values()], [first, later], judge, tmp_path / "crops.png")
    assert crops.is_file() and super_resolution.plot([first, later], tmp_path / "niqe.png").is_file()


def test_noise_has_the_psnr_that_was_asked_for() -> None:
    random = np.random.default_rng(1)
    sharp = [torch.from_numpy(random.integers(60, 190, (3, 48, 40), dtype=np.uint8))]
    judge = Enlargement(4)

    def psnr(pictures: list[torch.Tensor]) -> float:
        error = pictures[0].double() - sharp[0].double()
        return float(10 * torch.log10(255**2 / error.square().mean().clamp(min=1e-9)))

    assert judge.scale == 4
    noisy = super_resolution.with_noise(sharp, 30.0, psnr)
    assert psnr(noisy) == pytest.approx(30.0, abs=0.05)
    assert super_resolution.with_noise(noisy, 40.0, psnr) is noisy


def test_shares_of_reached_and_kept_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three pictures: the color of two changes, the size of the third.
    changes = Changes(
        torch.tensor([0, 1, 0]), torch.tensor([0, 0, 1]), torch.tensor([[1, 0], [2, 1], [0, 1]])
    )
    seen = {"shape": [0, 1, 1], "color": [1, 0, 0], "size": [0, 0, 1]}
    monkeypatch.setattr(attribute_transfer, "predicted_labels", lambda name, images: torch.tensor(seen[name]))
    judges = [attribute_transfer.AttributeJudge(i, each, (), each) for i, each in enumerate(seen)]  # pyright: ignore[reportArgumentType]
    scores = attribute_transfer.accuracies(
        tuple(judges), torch.zeros(3, 3, 2, 2), torch.tensor([0, 1, 0]), changes
    )
    assert scores["target"] == pytest.approx(2 / 3)  # the second has the wrong color
    assert scores["kept"] == pytest.approx(2 / 3)  # and another size
    assert (scores["shape kept, color"], scores["shape kept, size"]) == (1.0, 0.0)
    assert (scores["target color"], scores["target size"]) == (0.5, 1.0)


def test_tables_of_pairs_and_compensations() -> None:
    scores = {"fd red medium -> red large": 2.0, "fd red medium -> blue medium": 9.0}
    lines = attribute_transfer.table_of_pairs([Outcome("StarGAN", 0, scores, "", None, "")]).splitlines()
    assert lines[2:] == ["| red medium -> red large | 2 |"]
    assert attribute_transfer.paper_table().splitlines()[2].endswith("| black, female | 85.10 | 71.41 |")
    found = [Outcome("r 50%, g 1.1", 0, {"fd": 3.0}, "", None, "")]
    lines = semantic_synthesis.compensation_table(found, "fd").splitlines()
    assert lines[3] == "| 50% | - | 3 | - |"
    case = Case("one", CASES["losses: SAN"].recipe, "")
    assert record_of(case, 0, Path(), SegmenterScores()) != record_of(
        case, 0, Path(), SegmenterScores(stages=1)
    )
