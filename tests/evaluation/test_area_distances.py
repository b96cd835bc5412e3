"""Frechet Segmentation Distance of generators and images, its floor and its parts, and what is rejected."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from painters import painter
from picture_generators import gray_generator

from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.evaluation import compare_cards, evaluate, truncation_curve
from everymode.evaluation.area_distances import AreaTally, segment_distance
from everymode.evaluation.comparison import NamedCard
from everymode.evaluation.segmenter_judges import SegmenterJudge
from everymode.evaluation.streams import images_of_dataset
from everymode.metrics import frechet_distance

SHAPES = "shapes:labels=color,samples=200"


def shapes(seed: int, more: str = "") -> Dataset:
    return open_images(f"{SHAPES},seed={seed}{more}", resolution=(16, 16))


def by_level(images: torch.Tensor) -> torch.Tensor:
    return (images[:, 0] > 0).long() + (images[:, 0] > 0.5).long()


JUDGE = SegmenterJudge(by_level, "levels", "0" * 64, {}, ("dark", "middle", "bright", "absent"))


def test_values_parts_and_floor_are_those_of_the_areas() -> None:
    random = np.random.default_rng(0)
    real, fake = (torch.from_numpy(random.dirichlet(np.ones(3) * scale, 50)) for scale in (1, 3))
    zero = torch.zeros(50, 1, dtype=torch.float64)
    real, fake = torch.cat((real, zero), 1), torch.cat((fake, zero), 1)
    ((name, measured),) = segment_distance(real, fake, JUDGE, (8, 6)).items()
    assert name == "fsd-levels"
    assert measured.value == pytest.approx(frechet_distance(100 * real, 100 * fake))
    assert measured.value == pytest.approx(1e4 * frechet_distance(real, fake))
    assert (measured.metric, measured.better, measured.real, measured.fake) == ("fsd", "lower", 50, 50)
    assert measured.settings == {
        "judge": "levels", "judge_hash": "0" * 64, "classes": 4, "map_size": "8x6", "resize": "none", "scale": 100.0
    }  # fmt: skip
    parts = measured.details["parts"]
    change = float(fake[:, 1].mean() / real[:, 1].mean() - 1)
    assert parts["middle"]["value"] == pytest.approx(change)
    assert parts["middle"]["real_area"] == pytest.approx(float(real[:, 1].mean()))
    assert parts["absent"] == {"value": None, "real_area": 0.0, "generated_area": 0.0}
    assert measured.details["half"] == 25
    assert 0 < measured.details["real_halves"] < measured.value
    few = segment_distance(real[:3], fake, JUDGE, (8, 6))["fsd-levels"]
    assert few.details["real_halves"] is None


def test_the_tally_watches_a_stream() -> None:
    images = images_of_dataset(shapes(0))
    tally = AreaTally(JUDGE)
    watched = tally.watching(images)
    for _ in range(2):  # a stream that starts again starts the tally again
        assert sum(map(len, watched.batches())) == 200
    whole = torch.cat(list(images.batches()))
    maps = by_level(whole.float() / 127.5 - 1)
    expected = torch.stack([(maps == label).double().mean((1, 2)) for label in range(4)], 1)
    torch.testing.assert_close(tally.areas, expected)
    tally.read(images)
    torch.testing.assert_close(tally.areas, expected)
    with pytest.raises(
        ValueError, match=r"the segmenter levels: maps hold labels from 0 to 2 with num_classes=2"
    ):
        AreaTally(JUDGE._replace(labels=("dark", "middle"))).read(images)


def test_a_missing_color_costs_much_more_than_the_floor() -> None:
    more = "shapes:labels=color,samples=600"
    options = {"metrics": "fsd", "segmenter": "palette", "resolution": 16}
    same, dropped = (
        evaluate(f"{more},seed=1{colors}", more, **options)
        for colors in ("", ",colors=red+green+blue+yellow+purple")
    )
    assert list(same.metrics) == ["fsd-palette"]
    lowest, highest = (card.metrics["fsd-palette"] for card in (same, dropped))
    assert lowest.value is not None
    assert highest.value is not None
    assert highest.value > 2 * lowest.value
    assert highest.details["parts"]["orange"]["value"] < -0.8
    assert lowest.details["half"] == 300
    assert same.protocol["extractor"] is None
    assert same.protocol["segmenter"] == {"name": "palette", "hash": lowest.settings["judge_hash"]}
    assert same.protocol["real"]["images"] == 600
    table = same.table()
    assert "halves of the real images" in table
    assert "orange" in table
    assert same.key != dropped.key
    json.loads(same.text)


def test_it_joins_other_metrics_and_is_compared_with_cards_without(tmp_path: Path) -> None:
    options = {"segmenter": "palette", "cache_dir": tmp_path, "num": 20, "resolution": 16}
    both = evaluate(shapes(1), SHAPES, metrics="fd,fsd", extractor="random", **options)
    assert {each.metric for each in both.metrics.values()} == {"fd", "fsd"}
    alone = evaluate(shapes(2), SHAPES, metrics="fsd", **options)
    (comparison,) = compare_cards([NamedCard("a", both), NamedCard("b", alone)])
    assert (comparison.metric, len(comparison.rankings)) == ("fsd", 1)


def test_a_generator_is_scored() -> None:
    card = evaluate(painter(labels=False), "shapes:samples=40", metrics="fsd", segmenter="palette", num=30)
    measured = card.metrics["fsd-palette"]
    assert (measured.real, measured.fake) == (40, 30)
    assert measured.settings["map_size"] == "8x8"
    assert card.subject["facts"]["kind"] == "generator"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"metrics": "fsd"}, "fsd needs a segmenter: choose --segmenter palette"),
        ({"segmenter": "palette"}, "a segmenter only serves fsd"),
        (
            {"metrics": "fsd", "segmenter": "palette", "real": "digits"},
            "knows the colors of the built-in shapes",
        ),
        ({"metrics": "fsd", "segmenter": "fitted", "real": "digits"}, "needs images with label maps"),
        ({"metrics": "fsd", "segmenter": "palette", "maps": "maps"}, "label maps belong to generators"),
        ({"metrics": "fsdd", "segmenter": "palette"}, "choose from .*, fsd"),
    ],
)
def test_what_does_not_fit_is_rejected(options: dict, text: str) -> None:
    real = options.pop("real", "shapes:samples=20")
    with pytest.raises(ValueError, match=text):
        evaluate("digits" if real == "digits" else shapes(0), real, **options)


def test_other_games_have_no_fsd() -> None:
    with pytest.raises(ValueError, match="fsd is a metric of generators that draw images from labels"):
        evaluate(gray_generator(), metrics="fsd", segmenter="fitted")
    with pytest.raises(ValueError, match="truncation curves have no fsd"):
        truncation_curve(
            painter(), "shapes:samples=20", truncations=(0.5, 1), metrics="fsd", segmenter="palette"
        )
