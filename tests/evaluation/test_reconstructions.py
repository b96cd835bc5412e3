"""Report on reconstructions: order, statistics by group, pages and histograms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from everymode.evaluation import reconstructions
from everymode.evaluation.reconstructions import PAIRS, Reconstructions


def some(count: int = 5) -> Reconstructions:
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 6)
    values = (np.arange(count) * 7 % count).astype(float)
    return Reconstructions(
        images,
        255 - images,
        range(10, 10 + count),
        {"pd": values, "L1": values / 10},
        {"class": ["a" if i % 2 else "b" for i in range(count)], "cluster": [str(i) for i in range(count)]},
    )


def test_the_worst_comes_first_and_groups_have_their_means() -> None:
    result = some()
    assert result.order == [2, 4, 1, 3, 0], "0 2 4 1 3"
    report = result.report()
    assert [each["row"] for each in report["images"]] == [12, 14, 11, 13, 10]
    assert report["images"][0] == {"row": 12, "class": "b", "cluster": "2", "pd": 4.0, "L1": 0.4}
    assert list(report["groups"]["class"]) == ["b", "a"], "means 7 / 3 and 3 / 2"
    assert report["groups"]["class"]["a"]["pd"]["mean"] == 1.5 and report["groups"]["class"]["a"]["num"] == 2
    assert report["distances"]["pd"]["median"] == 2 and report["num"] == 5


def test_pages_show_pairs_in_order_and_histograms_every_kind_of_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, written = PAIRS + 3, {}
    result = some(count)

    def save(picture: Any, path: Path) -> None:
        written[path.name] = picture

    assert (
        [path.name for path in result.pages(tmp_path, save)] == ["worst-1.png", "worst-2.png"] == [*written]
    )
    first = np.array(written["worst-1.png"])
    scale = round(48 / 6)
    top = first[2 : 2 + 4 * scale, 2:]
    assert top[0, 0, 0] == result.order[0] and top[0, 6 * scale + 2, 0] == 255 - result.order[0]
    assert written["worst-2.png"].width < written["worst-1.png"].width, "three pairs"
    labels = []
    monkeypatch.setattr(
        reconstructions,
        "save_figure",
        lambda figure, path: labels.extend(
            text.get_text() for text in figure.axes[0].get_legend().get_texts()
        ),
    )
    replace(result, groups={"class": ["_a" for _ in result.rows]}).histograms(tmp_path)
    assert labels[1].strip().startswith("_a (103"), "matplotlib hides labels that start with _"
    monkeypatch.undo()
    paths = result.histograms(tmp_path)
    assert [path.name for path in paths] == [
        "histograms.png",
        "histograms-by-class.png",
        "histograms-by-cluster.png",
    ]
    assert all(path.is_file() for path in paths)
