"""Selection of the scores by the kind of generator, and settings without meaning."""

from __future__ import annotations

import pytest
from picture_generators import GrayLevels, Nearest, gray_generator, gray_levels, gray_maps, opened

from everymode.evaluation import Sampling, evaluate
from everymode.labels.given import NoLabels
from everymode.labels.pairs import PairedCondition
from everymode.recipes import find
from everymode.sampling.generator import Generator


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path))


def test_evaluate_scores_a_generator_from_label_maps() -> None:
    card = evaluate(
        gray_generator().generator,
        gray_maps(),
        segmenter=gray_levels,
        extractor="random:8",
        metrics="fd",
        num=6,
    )
    assert list(card.metrics) == ["fd-random-8", "miou-gray_levels", "pixel-accuracy-gray_levels"]
    assert card.metrics["miou-gray_levels"].fake == 6
    assert card.subject["real"] == "gray (6 of 12)"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"sampling": Sampling(truncation=0.5)}, "no truncation"),
        ({"sampling": Sampling(batch_norm="batch")}, "no truncation"),
        ({"num_real": 5}, "--num-real has no effect"),
        ({"resolution": 64}, "--resolution has no effect"),
    ],
)
def test_settings_without_meaning_are_rejected(choices, message) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(gray_generator().generator, gray_maps(), **choices)


def test_super_resolution_has_no_segmenter_and_no_maps() -> None:
    generator = opened(Nearest(4), PairedCondition(), find("sr-pixel-photos")).generator
    with pytest.raises(ValueError, match="--segmenter has no effect"):
        evaluate(generator, "sample-photos", segmenter="fitted")
    with pytest.raises(ValueError, match="takes no label maps"):
        evaluate(generator, "sample-photos", maps="maps")
    with pytest.raises(ValueError, match="not a generator"):
        evaluate(generator, generator)


def test_other_generators_have_no_segmenter_and_no_lpips() -> None:
    with pytest.raises(ValueError, match="omit --segmenter"):
        evaluate(Generator(GrayLevels(), NoLabels()), gray_maps(), segmenter="fitted")
    with pytest.raises(ValueError, match="omit --lpips-backbone"):
        evaluate(Generator(GrayLevels(), NoLabels()), gray_maps(), lpips=("a", "b"))
