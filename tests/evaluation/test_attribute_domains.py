"""Scores of attribute transfer, by pairs of domains and by classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from picture_generators import Repainter, opened, painted

from everymode.evaluation.attribute_domains import aligned_labels, attribute_card, attributes_of, changes_of
from everymode.evaluation.picture_sides import PictureSides, picture_sides
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.score_card import read_card
from everymode.extractors.classifiers import ClassifierSettings
from everymode.extractors.extraction import extract, image_batches
from everymode.extractors.finding import find_extractor
from everymode.labels.targets import TargetLabels
from everymode.metrics import frechet_distance
from everymode.recipes import find

QUICK = ClassifierSettings(steps=40, width=4, batch_size=16, learning_rate=0.02)


class Sides(PictureSides):
    """Sides whose training data are in memory."""

    def training(self):
        return painted(80)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    recipe = find("stargan-shapes").with_numbers(
        num_classes=(3, 2), resolution=8, held_out="", label_column="red,green"
    )
    labels = TargetLabels((3, 2), [(0, 0)], [1.0])
    sides = picture_sides(opened(Repainter(), labels, recipe, "memory"), painted(30, seed=1))
    return attribute_card(
        Sides(**vars(sides)),
        Protocol(extractor="random:8"),
        settings=QUICK,
        cache_dir=tmp_path_factory.mktemp("cache"),
    )


def test_one_attribute_is_reached_and_the_other_one_is_not(card, tmp_path) -> None:
    target = card.metrics["target-accuracy"].details["parts"]
    assert min(target[f"red: {value}"]["value"] for value in ("low", "middle", "high")) > 0.9
    assert target["green: bright"]["value"] == target["green: dark"]["value"] == 0
    # red is repainted from its label, green is never touched, so each is kept while the other one changes
    assert card.value("kept-accuracy") > 0.9
    assert card.metrics["target-accuracy"].details["real_pictures"] > 0.9
    assert card.metrics["target-accuracy"].fake == 30 * 3
    assert card.subject["facts"]["test_data"] == "painted"
    again = read_card(card.save(tmp_path / "card.json"))
    assert sorted(again.table().split()) == sorted(card.table().split())


def test_each_pair_of_domains_is_compared_with_training_images_of_the_target(card) -> None:
    parts = card.metrics["fd-by-domain-random-8"].details["parts"]
    assert all(
        sum(a != b for a, b in zip(*(side.split(", ") for side in pair.split(" -> ")), strict=True)) == 1
        for pair in parts
    )
    training, test = painted(80), painted(30, seed=1)
    extractor = find_extractor("random:8")
    real = training.images[(training.labels == (2, 1)).all(1)]
    sources = test.images[(test.labels == (0, 1)).all(1)].copy()
    sources[:, 0] = 240
    features = [extract(extractor, image_batches(each)).features["pool"] for each in (real, sources)]
    pair = parts["low, bright -> high, bright"]
    assert pair["value"] == pytest.approx(frechet_distance(*features), rel=1e-5)
    assert (pair["real"], pair["fake"]) == (len(real), len(sources))


def test_changes_leave_out_targets_that_are_no_change() -> None:
    changes = changes_of(torch.tensor([[0, 1], [2, 0]]), (3, 2))
    assert changes.rows.tolist() == [1, 0, 1, 0, 0, 1]
    assert changes.blocks.tolist() == [0, 0, 0, 0, 1, 1]
    assert changes.targets.tolist() == [[0, 0], [1, 1], [1, 0], [2, 1], [0, 0], [2, 1]]


def test_hair_colors_exclude_one_another() -> None:
    blocks = (("not", "Black"), ("not", "Blond"), ("female", "Male"))
    data = replace(
        painted(), labels=np.zeros((60, 3), np.int64), label_blocks=blocks, classes=tuple("abcdef")
    )
    attributes = attributes_of(data, "Black_Hair,Blond_Hair,Male")
    assert attributes.exclusive == (0, 1)
    changes = changes_of(torch.tensor([[1, 0, 0]]), attributes.sizes, exclusive=attributes.exclusive)
    assert changes.targets.tolist() == [[0, 1, 0], [1, 0, 1]]


def test_labels_are_matched_by_name() -> None:
    attributes = attributes_of(painted(), "")
    assert attributes.titles == ("low/middle/high", "dark/bright")
    blocks = (("high", "low"), ("bright", "dark"))
    other = replace(
        painted(2), labels=np.array([[0, 1], [1, -1]]), label_blocks=blocks, classes=tuple(sum(blocks, ()))
    )
    assert aligned_labels(other, attributes).tolist() == [[2, 0], [0, -1]]
    strange = replace(other, label_blocks=(("high", "none"), blocks[1]))
    with pytest.raises(ValueError, match='"none" of low/middle/high'):
        aligned_labels(strange, attributes)
    with pytest.raises(ValueError, match="trained with 2"):
        aligned_labels(replace(other, labels=np.zeros(2, np.int64), label_blocks=()), attributes)
