"""Stacked digits: modes are read channel by channel, every method is there, the report names its terms."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from everymode.data.opening import open_images
from everymode.recipes import find
from experiments import stacked_digits
from experiments.harness.budget import scaled
from experiments.harness.repeated import few_images
from experiments.stacked_digits import METHODS, PAPER, StackedJudge, cases, coverage, data_itself


def read_brightness(classifier: Any, images: Any) -> torch.Tensor:
    """A classifier whose digit is the brightness of a channel's first pixel."""
    first = torch.as_tensor(np.asarray(images))[:, :, 0, 0].long()
    return first @ torch.tensor([100, 10, 1])


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked_digits, "stacked_digit_labels", read_brightness)
    monkeypatch.setattr(stacked_digits, "classifier_for", lambda *_, **__: SimpleNamespace())


def test_modes_and_divergence_by_hand(brightness: None) -> None:
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images[3, 0] = 9  # mode 900, the others are mode 0
    scores = coverage(SimpleNamespace(), images)  # type: ignore[arg-type]
    nats = 0.75 * math.log(750) + 0.25 * math.log(250)
    assert scores == {
        "modes": 2,
        "kl nats": pytest.approx(nats),
        "kl log10": pytest.approx(nats / math.log(10)),
    }


def test_a_runs_samples_are_judged(brightness: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def sample(self, count: int, *, seed: int) -> torch.Tensor:
            return torch.full((count, 3, 8, 8), -1.0)

    recipe = find("self-conditioned-stacked-digits").with_numbers(resolution=8, seed=3)
    data = "stacked-digits:samples=2000"
    trained = few_images(open_images(data, resolution=8), 3, images=500)  # one cluster for each mode there
    clusters = {"modules": {"labels": {"table": torch.from_numpy(trained.labels)[None]}}}
    monkeypatch.setattr("experiments.stacked_digits.run_state", lambda run: clusters)
    run = SimpleNamespace(generator=Half, recipe=recipe)
    scores = StackedJudge(10, "digits", 500)(run, data)  # type: ignore[arg-type]
    assert (scores["modes"], scores["kl nats"]) == (1, pytest.approx(math.log(1000)))
    assert (scores["nmi"], scores["purity"]) == (pytest.approx(1), 1)


def test_the_data_itself_is_the_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    triples = open_images("stacked-digits:samples=2000", resolution=8)
    labels = {
        bytes(np.asarray(image)): int(label)
        for image, label in zip(triples.images, triples.labels, strict=True)
    }
    monkeypatch.setattr(stacked_digits, "classifier_for", lambda *_, **__: None)
    monkeypatch.setattr(
        stacked_digits,
        "stacked_digit_labels",
        lambda _, images: torch.tensor([labels[bytes(np.asarray(image))] for image in images]),
    )
    row = data_itself(StackedJudge(5000, "digits"), "stacked-digits:samples=2000", (8, 8))
    assert row.scores["modes"] > 800
    assert 0.1 < row.scores["kl nats"] < 0.6  # 2,000 triples: about 999 / 4,000, and the draw's 999 / 10,000


def test_every_method_builds_at_equal_terms() -> None:
    found = cases("stacked-digits", 0.01, 8)
    assert [case.name for case in found] == list(METHODS)
    assert PAPER.keys() < METHODS.keys()
    for case in found:
        assert (case.recipe.steps, case.recipe.flat_numbers()["width"]) == (780, 8)
        assert case.recipe.batch_size == (63 if case.name == "pac-gan3" else 64)  # whole packs
        if "self-conditioned" in case.name:
            assert case.recipe.refresh_every == 250  # scaled with the steps


def test_fewer_triples_are_as_many_of_each_mode() -> None:
    case = cases("stacked-digits:samples=5000", 0.01, 8, triples=2000)[0]
    assert case.prepare is not None
    few = case.prepare(open_images(case.data, resolution=8), 0)
    counts = np.bincount(few.labels, minlength=1000)
    assert (
        len(few) == 2000 and counts.max() == 3 and np.mean(counts == 2) > 0.9
    )  # few modes have less than two


def test_a_small_budget_still_clusters_now_and_then() -> None:
    assert scaled(find("self-conditioned-stacked-digits"), 1e-5).refresh_every >= 1
