"""Self-conditioned GANs on images: rows build, clusters and features are judged, a run of a few steps gets a report."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from everymode.data.opening import open_images
from experiments import self_conditioned_images
from experiments.harness import image_trials
from experiments.harness.image_trials import (
    ImageJudge,
    cluster_scores,
    discriminator_features,
    linear_probe,
    play_once,
    stability,
    surest,
)
from experiments.harness.renumbering import renumbered
from experiments.harness.repeated import few_images, few_rows, other_images, train_and_judge
from experiments.harness.results import Case, Outcome
from experiments.self_conditioned_images import CLUSTERS, DATA_OF_PARTS, PAPER, cases, draw_surest, possible

METHODS_OF_DIGITS = cases("methods", "digits", 0.001)


@pytest.mark.parametrize("part", [part for part in PAPER if part not in DATA_OF_PARTS])
def test_every_row_builds(part: str) -> None:
    found = {case.name: case.recipe for case in cases(part, "digits", 0.001, images=2000, width=8)}
    assert PAPER[part].keys() <= found.keys()
    for name, recipe in found.items():
        numbers = recipe.flat_numbers()
        assert (recipe.steps, numbers["width"]) == (312, 8)
        assert numbers["r1_weight"] == (10.0 if name.endswith(" with R1") else 0.0)
        if "k = " in name:
            assert numbers["clusters"] == int(name.split(" = ")[1])
            assert numbers["cluster_images"] == 2000
    if part == "k":
        assert len(found) == 2 + len(CLUSTERS)
    if part == "tricks":
        both = found["neither"].flat_numbers()
        assert not both["match_clusters"] and not both["keep_centers"]


def test_other_numbers_reach_the_methods_that_have_them() -> None:
    found = {case.name: case.recipe for case in renumbered(METHODS_OF_DIGITS, "beta1=0.5,feature_steps=3")}
    assert {recipe.beta1 for recipe in found.values()} == {0.5}
    assert found["logo-gan-ae"].flat_numbers()["feature_steps"] == 3
    assert "feature_steps" not in found["gan"].flat_numbers()
    with pytest.raises(
        ValueError, match=r"no method has a number called feature_step\. Did you mean feature_steps"
    ):
        renumbered(METHODS_OF_DIGITS, "feature_step=3")


def test_rows_that_the_data_do_not_allow_are_omitted_with_a_reason() -> None:
    data = open_images("digits", resolution=16)
    bare = replace(data, labels=np.full(len(data), -1), classes=())
    selected, reasons = possible(cases("k", "photos", 0.001), bare, 300)
    assert [case.name for case in selected] == ["gan", "k = 10", "k = 25", "k = 100", "k = 250"]
    assert len(reasons) == 2 and "k = 1000 is omitted: there are 300 images" in reasons[0]
    assert "conditional-gan is omitted: it needs labels" in reasons[1]
    selected, reasons = possible(cases("methods", "digits", 0.001), data, 0)
    assert len(selected) == len(cases("methods", "digits", 0.001)) and not reasons
    selected, reasons = possible(cases("methods", "digits", 0.001), data, 70)
    fitting = {case.name for case in selected}
    assert "random-labels-gan" in fitting and not fitting & {"logo-gan-ae", "logo-gan-rc", "rotnet-gan"}


def test_tables_share_their_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = []

    def play(case: Case, seed: int, folder: Path, judge: ImageJudge) -> Outcome:
        folder.mkdir(parents=True)
        played.append(case.name)
        return Outcome(case.name, seed, {"fd": 1.0}, "", None, str(folder))

    monkeypatch.setattr(image_trials, "train_and_judge", play)
    swept = {case.name: case for case in cases("k", "digits", 0.001, images=2000)}
    tricks = {case.name: case for case in cases("tricks", "digits", 0.001, images=2000)}
    judge = ImageJudge(images=2000)
    first = play_once(swept["k = 100"], 0, tmp_path / "k" / "one", judge)
    again = play_once(tricks["full"], 0, tmp_path / "tricks" / "two", judge)
    assert played == ["k = 100"] and (first.case, again.case) == ("k = 100", "full")
    assert again.folder == first.folder and (tmp_path / "tricks" / "two").is_dir()
    play_once(tricks["full with R1"], 0, tmp_path / "tricks" / "three", judge)
    play_once(tricks["full"], 1, tmp_path / "tricks" / "four", judge)
    assert len(played) == 3


def test_clusters_against_classes_by_hand() -> None:
    state = {"modules": {"labels": {"table": torch.tensor([[0, 0, 1, 2, 2, 2]])}}}
    scores = cluster_scores(state, np.array([0, 0, 0, 1, 1, -1]))
    assert (scores["purity"], scores["inverse purity"]) == (1.0, 0.8)
    entropy = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4))
    clusters = -(2 * 0.4 * np.log(0.4) + 0.2 * np.log(0.2))
    assert scores["nmi"] == pytest.approx(2 * entropy / (entropy + clusters))
    assert cluster_scores({"modules": {"labels": {}}}, np.array([0, 1])) == {}
    assert cluster_scores(state, np.full(6, -1)) == {}


def test_stability_is_the_mean_over_clusterings(tmp_path: Path) -> None:
    assert stability(tmp_path) == {}
    lines = [{"step": 0}, {"step": 5, "nmi with previous": 0.5}, {"step": 10, "nmi with previous": 0.9}]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert stability(tmp_path)["nmi with previous"] == pytest.approx(0.7)


def test_a_linear_probe_sees_what_is_there_at_any_scale() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (600,), generator=random)
    features = torch.randn(600, 20, generator=random)
    nothing = linear_probe(features, labels, passes=5)
    assert 0.2 < nothing < 0.5
    features[torch.arange(600), labels] += 8
    seen = linear_probe(features, labels, passes=30, lr=1e-3)
    assert seen > 0.95
    assert linear_probe(1e-3 * features + 100, labels, passes=30, lr=1e-3) == pytest.approx(seen, abs=0.02)


def test_the_probe_gets_images_that_d_was_not_trained_on() -> None:
    data = open_images("digits:train", resolution=16)
    rows = few_rows(data, 3, images=50)
    chosen, others = few_images(data, 3, images=50), other_images(data, 3, images=50)
    assert len(chosen) == 50 and len(chosen) + len(others) == len(data)
    np.testing.assert_array_equal(np.asarray(chosen.images), np.asarray(data.images)[rows])
    seen = {image.tobytes() for image in np.asarray(data.images)[rows]}
    assert sum(image.tobytes() in seen for image in np.asarray(others.images)) == 0
    run = Namespace(recipe=Namespace(seed=3, size=(16, 16)))
    unseen = ImageJudge(images=50).unseen(run, data)  # pyright: ignore[reportArgumentType]
    assert unseen is not None and unseen.fingerprint == others.fingerprint
    assert ImageJudge().unseen(run, data) is None  # pyright: ignore[reportArgumentType]
    named = ImageJudge(images=50, held_out="digits:held-out").unseen(run, data)  # pyright: ignore[reportArgumentType]
    assert named is not None and len(named) == 500
    with pytest.raises(ValueError, match="has other classes"):
        ImageJudge(held_out="shapes").unseen(run, data)  # pyright: ignore[reportArgumentType]


def test_packs_are_probed_image_by_image() -> None:
    recipe = METHODS_OF_DIGITS[[case.name for case in METHODS_OF_DIGITS].index("pac-gan2")].recipe
    data = open_images("digits:train", resolution=32)
    discriminator = recipe.with_numbers(width=4).for_data(data.facts()).build().discriminator
    rows = np.array([5, 0, 9])
    features = discriminator_features(discriminator, data, rows)
    twice = data.gather(rows).repeat_interleave(2, 0)
    assert len(features) == 3
    torch.testing.assert_close(features, discriminator.features(twice))  # type: ignore[operator]
    with pytest.raises(ValueError, match="3 features for 6 labels"):
        linear_probe(features, torch.zeros(6, dtype=torch.long))


def test_the_surest_real_images_are_sought_among_all_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = open_images("digits:train", resolution=16)
    by_class = digits.subset(np.argsort(digits.labels, kind="stable"))

    def bright_below(_: object, batches: Any) -> Tensor:
        level = torch.cat([*batches]).float().mean((1, 2, 3))
        return torch.stack([torch.zeros_like(level), level], dim=1)

    monkeypatch.setattr(self_conditioned_images, "class_logits", bright_below)
    found = self_conditioned_images._surest_reals(by_class, Bright(), 1, 400, 400)
    classes = {
        int(by_class.labels[(np.asarray(by_class.images) == image.numpy()).all((1, 2, 3)).argmax()])
        for image in found
    }
    assert classes == set(range(10))


class Painter:
    """Sample i is gray, the brighter the larger i is."""

    def sample(self, count: int, *, seed: int) -> Tensor:
        return (torch.arange(seed - 40_000, seed - 40_000 + count) / 300 - 1)[:, None, None, None].expand(
            -1, 1, 4, 4
        )


class Bright:
    """Says class 1 of bright images."""

    name = "bright"


def test_the_surest_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def logits(_: object, batches: Any) -> Tensor:
        level = torch.cat([*batches]).float().mean((1, 2, 3)) / 64
        return torch.stack([torch.zeros_like(level), level], dim=1)

    monkeypatch.setattr(image_trials, "class_logits", logits)
    images, sure = surest(Painter(), Bright(), 1, samples=600, shown=5)  # type: ignore[arg-type]
    assert len(images) == 5 and bool((sure.diff() <= 0).all())
    assert int(images.min()) >= 250
    images, _ = surest(Painter(), Bright(), 0, samples=600, shown=5)  # type: ignore[arg-type]
    assert int(images.max()) <= 5


def test_an_extractor_without_classes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_trials, "extract", lambda *_: SimpleNamespace(logits=None))
    with pytest.raises(ValueError, match="bright does not classify"):
        image_trials.class_logits(Bright(), iter([]))


def test_a_run_of_a_few_steps_is_judged_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_trials, "class_divergence", lambda *_: 0.25)
    case = cases("k", "digits:train", 1e-6, images=200, width=4)[1]
    case = case._replace(
        recipe=case.recipe.with_numbers(steps=4, refresh_every=2, batch_size=8, watch_samples=0)
    )
    judge = ImageJudge(samples=40, extractor="random:32", images=200, probed=100, passes=1)
    outcome = train_and_judge(case, 3, tmp_path / "run", judge)
    assert {
        "fd",
        "is",
        "kl",
        "nmi",
        "purity",
        "inverse purity",
        "nmi with previous",
        "probe",
    } <= outcome.scores.keys()
    data = few_images(open_images("digits:train", resolution=32), 0, images=60)
    monkeypatch.setattr(
        image_trials, "class_logits", lambda _, batches: torch.cat([*batches]).float().flatten(1)[:, :2]
    )
    monkeypatch.setattr(self_conditioned_images, "class_logits", image_trials.class_logits)
    picture = draw_surest(
        [outcome], [case], data, Bright(), 0, tmp_path / "surest.png", samples=20, columns=5
    )
    assert picture.stat().st_size > 200
