"""Metrics of an evaluation by short name: equal to the plain functions, with N, settings and warnings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from everymode.evaluation.scoring import Pair, chosen_metrics, score
from everymode.evaluation.statistics import Statistics
from everymode.extractors.random_convolutions import random_convolutions
from everymode.metrics.classifier_score import inception_score_from_logits
from everymode.metrics.fidelity import density_coverage, precision_recall
from everymode.metrics.frechet import frechet_distance
from everymode.metrics.kernel import kernel_distance

EXTRACTOR = random_convolutions(16)


def statistics(features, *, labels=None, logits=None, kept=None):
    rows = torch.arange(len(features)) if kept is None else torch.arange(kept)
    wide = features.double().numpy()
    return Statistics(
        count=len(features),
        mean=torch.from_numpy(wide.mean(0)),
        covariance=torch.from_numpy(np.cov(wide.T)),
        features=features[rows],
        rows=rows,
        labels=(torch.full((len(features),), -1) if labels is None else labels)[rows],
        logits=None if logits is None else logits[rows],
    )


def drawn(count, seed, shift=0.0):
    return torch.randn(count, 64, generator=torch.Generator().manual_seed(seed)) + shift


def pair(real, fake, **more):
    return Pair(real, fake, EXTRACTOR, "pool", **more)


def test_numbers_are_those_of_the_plain_functions():
    real, fake = drawn(200, 0), drawn(150, 1, 0.3)
    logits = drawn(150, 2)[:, :10]
    found = score(pair(statistics(real), statistics(fake, logits=logits))).metrics
    assert list(found) == [
        f"{name}-random-16" for name in ("fd", "kd", "precision", "recall", "density", "coverage", "is")
    ]
    fidelity, reach = precision_recall(real, fake), density_coverage(real, fake)
    expected = [
        frechet_distance(real, fake),
        kernel_distance(real, fake),
        *fidelity,
        *reach,
        inception_score_from_logits(logits, splits=1)[0],
    ]
    assert [each.value for each in found.values()] == pytest.approx(expected, rel=1e-9)
    assert {(each.real, each.fake) for each in found.values()} == {(200, 150), (0, 150)}
    assert found["precision-random-16"].settings == {"k": 3}
    assert found["coverage-random-16"].settings == {"k": 5}


def test_the_frechet_distance_takes_all_images_and_the_others_those_kept():
    real, fake = drawn(300, 0), drawn(200, 1)
    scores = score(pair(statistics(real, kept=80), statistics(fake)), ["fd", "kd"])
    assert scores.metrics["fd-random-16"].value == pytest.approx(frechet_distance(real, fake), rel=1e-9)
    assert scores.metrics["fd-random-16"].real == 300
    assert scores.metrics["kd-random-16"].real == 80
    assert scores.metrics["kd-random-16"].value == pytest.approx(kernel_distance(real[:80], fake), rel=1e-9)
    assert any("80 of 300 real features" in sentence for sentence in scores.warnings)


def test_few_images_are_exact_and_flagged():
    real, fake = drawn(300, 0), drawn(30, 1)
    scores = score(pair(statistics(real), statistics(fake)), ["fd"])
    assert scores.metrics["fd-random-16"].value == pytest.approx(frechet_distance(real, fake), rel=1e-9)
    assert any("30 fake images for 64 features" in sentence for sentence in scores.warnings)


def test_equal_sides():
    real = drawn(200, 0)
    found = score(pair(statistics(real), statistics(real)), ["fd", "pr"]).metrics
    assert found["fd-random-16"].value == pytest.approx(0, abs=1e-9)
    assert found["precision-random-16"].value == found["recall-random-16"].value == 1


def test_without_classes_the_default_leaves_the_classifier_score_out():
    sides = pair(statistics(drawn(100, 0)), statistics(drawn(100, 1)))
    assert "is-random-16" not in score(sides).metrics
    with pytest.raises(ValueError, match="is not a classifier"):
        score(sides, ["is"])


def test_classes_are_matched_by_name_and_missing_ones_are_flagged():
    real, fake = drawn(400, 0), drawn(300, 1)
    labels = torch.arange(400) % 4
    fake_labels = torch.arange(300) % 3
    both = pair(
        statistics(real, labels=labels),
        statistics(fake, labels=fake_labels),
        real_classes=("ant", "bee", "cat", "dog"),
        fake_classes=("dog", "ant", "cat"),
    )
    scores = score(both, ["per-class"])
    measured = scores.metrics["fd-per-class-random-16"]
    classes = measured.details["classes"]
    for name, fake_number in (("ant", 1), ("cat", 2), ("dog", 0)):
        number = ("ant", "bee", "cat", "dog").index(name)
        expected = frechet_distance(real[labels == number], fake[fake_labels == fake_number])
        assert classes[name]["value"] == pytest.approx(expected, rel=1e-9)
        assert (classes[name]["real"], classes[name]["fake"]) == (100, 100)
    assert classes["bee"]["value"] is None
    assert measured.value is None  # without its worst class, a generator would look better
    assert any("no fake of bee" in sentence and "mean" in sentence for sentence in scores.warnings)


def test_the_mean_over_classes_is_of_all_of_them():
    real, labels = drawn(120, 0), torch.arange(120) % 3
    fakes = drawn(120, 1)
    names = ("ant", "bee", "cat")

    def judged(fake_labels, real_labels=labels):
        both = pair(
            statistics(real, labels=real_labels),
            statistics(fakes, labels=fake_labels),
            real_classes=names,
            fake_classes=names,
        )
        scores = score(both, ["per-class"])
        return scores.metrics["fd-per-class-random-16"], " ".join(scores.warnings)

    whole, said = judged(labels)
    assert whole.value == pytest.approx(np.mean([row["value"] for row in whole.details["classes"].values()]))
    assert "omitted" not in said
    few = torch.where(labels == 1, 0, labels)
    few[1] = 1
    partial, said = judged(few)
    assert partial.value is None and partial.details["classes"]["bee"]["value"] is None
    assert partial.details["classes"]["cat"]["value"] == whole.details["classes"]["cat"]["value"]
    assert "fewer than two fakes of bee" in said and "no fake" not in said
    one_real = torch.where(labels == 2, 0, labels)
    one_real[2] = 2
    partial, said = judged(labels, one_real)
    assert partial.value is None and "fewer than two real images of cat" in said


@pytest.mark.parametrize(("count", "splits"), [(2, 1), (999, 1), (1000, 10)])
def test_the_classifier_score_of_few_images_is_of_one_split(count, splits):
    logits = torch.randn(count, 4, generator=torch.Generator().manual_seed(3)) * 5
    both = pair(statistics(drawn(10, 0)), statistics(drawn(count, 1), logits=logits))
    (measured,) = score(both, ["is"]).metrics.values()
    assert measured.settings["splits"] == splits
    assert measured.value == inception_score_from_logits(logits, splits=splits)[0]
    assert measured.value > 1.01


@pytest.mark.parametrize(
    ("real", "fake", "kept", "left"),
    [
        (3, 50, ["kd"], ["pr"]),
        (50, 3, ["kd"], ["pr"]),
        (4, 4, ["precision", "recall"], []),
        (5, 50, ["fd"], ["dc"]),
        (6, 2, ["density", "coverage"], []),
        (30, 16, ["kd"], ["fd-inf"]),
        (30, 17, ["fd-inf"], []),
        (3, 3, ["fd", "kd"], ["fd-inf", "pr", "dc"]),
    ],
)
def test_a_metric_that_needs_more_images_is_left_out(real, fake, kept, left):
    short = {"precision": "pr", "density": "dc"}
    metrics = [short.get(name, name) for name in kept if name not in ("recall", "coverage")] + left
    scores = score(pair(statistics(drawn(real, 0)), statistics(drawn(fake, 1))), metrics)
    assert [each.metric for each in scores.metrics.values()] == kept
    said = [
        sentence.split(" is omitted: it needs")[0] for sentence in scores.warnings if "omitted" in sentence
    ]
    assert said == left


def test_without_any_metric_there_is_no_card():
    both = pair(statistics(drawn(3, 0)), statistics(drawn(3, 1)))
    with pytest.raises(ValueError, match=r"no metric can be computed: pr is omitted.*dc is omitted"):
        score(both, ["pr", "dc"])
    labels = torch.arange(3)
    both = pair(
        statistics(drawn(3, 0), labels=labels),
        statistics(drawn(3, 1), labels=labels),
        real_classes=("a", "b", "c"),
    )
    with pytest.raises(ValueError, match="2 images of a class on both sides"):
        score(both, ["per-class"])


def test_per_class_needs_the_same_labels_on_both_sides():
    labels = torch.arange(100) % 2
    labeled, bare = statistics(drawn(100, 0), labels=labels), statistics(drawn(100, 1))
    with pytest.raises(ValueError, match="real side has no labels"):
        score(pair(bare, labeled), ["per-class"])
    with pytest.raises(ValueError, match="fake side has no labels"):
        score(pair(labeled, bare, real_classes=("a", "b")), ["per-class"])
    with pytest.raises(ValueError, match="lacks \\(c\\)"):
        score(pair(labeled, labeled, real_classes=("a", "b"), fake_classes=("a", "c")), ["per-class"])


def test_extrapolation_is_measured_on_request():
    found = score(pair(statistics(drawn(600, 0)), statistics(drawn(600, 1))), ["fd-inf"]).metrics
    measured = found["fd-inf-random-16"]
    assert math.isfinite(measured.value)
    assert measured.details["residual"] >= 0
    assert abs(measured.value) < frechet_distance(drawn(600, 0), drawn(600, 1)) / 2


def test_names_are_checked():
    assert chosen_metrics("kd, fd,kd") == ("kd", "fd")
    with pytest.raises(ValueError, match="'fid'; choose from fd"):
        chosen_metrics("fid")
    with pytest.raises(ValueError, match="choose from"):
        chosen_metrics([])


def test_few_images_are_warned_of_once():
    few, many = statistics(drawn(40, 0)), statistics(drawn(200, 1))
    for real, fake, begins in (
        (few, few, "40 real and 40 fake images for 64 features: the covariances are singular"),
        (many, few, "40 fake images for 64 features: the covariance is singular"),
        (few, many, "40 real images for 64 features: the covariance is singular"),
    ):
        (warning,) = [text for text in score(pair(real, fake), ["fd"]).warnings if "singular" in text]
        assert warning.startswith(begins)
    assert not score(pair(many, many), ["fd"]).warnings
