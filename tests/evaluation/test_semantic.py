"""Scores of images generated from label maps, by a segmenter that reads gray levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_generators import gray_generator, gray_levels, gray_maps

from everymode.evaluation.comparison import NamedCard, compare_cards
from everymode.evaluation.picture_sides import PictureSides, picture_sides
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.segmenter_judges import SegmenterJudge, find_segmenter
from everymode.evaluation.semantic import SegmentationTally, semantic_card
from everymode.labels.pairs import PairedCondition


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path))


def judge() -> SegmenterJudge:
    return find_segmenter(gray_levels, gray_maps, 4)


def card(sides: PictureSides, **more):
    return semantic_card(sides, Protocol(extractor="random:8", segmenter=gray_levels, **more))


def test_a_generator_that_follows_its_maps_has_a_mean_iou_of_1() -> None:
    scores = card(picture_sides(gray_generator(), gray_maps()))
    assert scores.value("miou") == scores.value("pixel-accuracy") == 1
    assert scores.value("fd") == pytest.approx(0, abs=1e-6)
    measured = scores.metrics["miou-gray_levels"]
    assert measured.fake == 12
    assert measured.details["real_pictures"] == 1
    assert measured.details["other_maps"] < 0.3


def test_a_class_that_is_painted_as_another_one_costs_the_iou_of_both() -> None:
    data = gray_maps()
    scores = card(picture_sides(gray_generator(swap={3: 2}), data))
    assert data.paired is not None
    counts = np.bincount(np.asarray(data.paired.maps).ravel(), minlength=256)
    of_two = counts[2] / (counts[2] + counts[3])
    parts = scores.metrics["miou-gray_levels"].details["parts"]
    assert [part["value"] for part in parts.values()] == pytest.approx([1, 1, of_two, 0])
    assert scores.value("miou") == pytest.approx((2 + of_two) / 4)
    assert scores.value("pixel-accuracy") == pytest.approx(1 - counts[3] / counts[:4].sum())
    table = scores.table()
    assert "class 3" in table
    assert "other pictures' maps" in table


def test_cards_of_other_judges_maps_or_numbers_are_not_ranked_together() -> None:
    def other(images: torch.Tensor) -> torch.Tensor:
        return gray_levels(images)

    first = card(picture_sides(gray_generator(), gray_maps()))
    pairs = {
        "again": (card(picture_sides(gray_generator(swap={0: 1}), gray_maps())), 1),
        "maps": (card(picture_sides(gray_generator(), gray_maps(seed=1))), 2),
        "number": (card(picture_sides(gray_generator(), gray_maps()), num=8), 2),
        "judge": (
            semantic_card(
                picture_sides(gray_generator(), gray_maps()), Protocol(extractor="random:8", segmenter=other)
            ),
            2,
        ),
    }
    for name, (second, rankings) in pairs.items():
        compared = compare_cards([NamedCard("first", first), NamedCard(name, second)])
        (miou,) = [each for each in compared if each.metric == "miou"]
        assert len(miou.rankings) == rankings, name


def test_the_tally_does_not_depend_on_the_batches() -> None:
    data, whole, parts = gray_maps(), None, None
    images = torch.from_numpy(np.asarray(data.images))
    whole, parts = (SegmentationTally(data, judge(), 4) for _ in range(2))
    whole.add(images)
    for start in (0, 5, 10):
        parts.add(images[start : start + 5])
    assert torch.equal(whole.other, parts.other)
    assert torch.equal(whole.real, parts.real)
    assert int(whole.fake.sum()) == 12 * 7 * 8  # void pixels are not counted


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: gray_maps(classes=5), "5 classes, and the generator was trained with 4"),
        (lambda: __import__("picture_generators").painted(), "has no label maps"),
    ],
)
def test_data_that_do_not_fit_are_rejected(data, message) -> None:
    with pytest.raises(ValueError, match=message):
        card(picture_sides(gray_generator(), data()))


def test_a_generator_that_encodes_images_needs_maps_only() -> None:
    generator = gray_generator()
    generator.generator.labels = PairedCondition(with_image=True)
    assert card(picture_sides(generator, gray_maps())).value("miou") == 1
