"""HTML pages, table, plot and record of a dissection."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from squares import COLORS, NAMES, Squares

from everymode.dissection import (
    Dissection,
    changed_units,
    curve_table,
    dissect,
    record_of,
    strongest_images,
    write_conditions,
    write_pages,
)

EVIL = ("ground", '<b>"red" & co</b>', "\udcffblue")


class Page(HTMLParser):
    """Collects tags with their attributes, and checks that they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def result() -> Dissection:
    return dissect(Squares(), COLORS, num=40, tail=1 / 16)


def test_pages_show_every_unit_and_need_nothing_else(result: Dissection, tmp_path: Path) -> None:
    pictures = strongest_images(Squares(), result, count=2)
    index = write_pages(
        tmp_path, result, pictures, names=EVIL, title="A <run>", facts={"condition": "<i>x</i>"}
    )
    assert index == tmp_path / "index.html"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curve.png", "index.html", "layer-0.html"]
    pages = {name: Page((tmp_path / name).read_text("utf-8")) for name in ("index.html", "layer-0.html")}
    for page in pages.values():
        names = {tag for tag, _ in page.tags}
        assert not names & {"script", "link", "iframe", "b" if page is pages["index.html"] else "i"}
        sources = [attrs["src"] or "" for tag, attrs in page.tags if tag == "img"]
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        linked = [attrs["href"] or "" for tag, attrs in page.tags if tag == "a"]
        assert all((tmp_path / file).is_file() for file in linked)
        assert "http" not in " ".join(linked)
    layer, ious = pages["layer-0.html"], result.layers[0].best_iou.tolist()
    order = sorted(range(3), key=lambda unit: (not result.layers[0].interpretable[unit], -ious[unit]))
    assert [attrs["id"] for tag, attrs in layer.tags if tag == "figure"] == [f"unit-{unit}" for unit in order]
    assert f'unit 1: <b>"red" & co</b>, IoU {result.layers[0].best_iou[1]:.3f}' in layer.text
    assert "canvas" in layer.text
    image = next(attrs["src"] for tag, attrs in layer.tags if tag == "img")
    assert image is not None
    picture = Image.open(io.BytesIO(base64.b64decode(image.split(",")[1])))
    assert picture.size == (2 * 64 + 3, 64)
    assert "<i>x</i>" in pages["index.html"].text
    assert result.segmenter_hash in pages["index.html"].text
    assert Image.open(tmp_path / "curve.png").width > 300


def test_the_table_has_the_count_at_every_tail(result: Dissection) -> None:
    head, titles, row = curve_table(result).splitlines()
    assert "IoU above 0.04" in head
    assert result.segmenter_hash[:12] in head
    assert re.split(r"\s{2,}", titles)[3:] == [
        "0.001",
        "0.002",
        "0.005",
        "0.01",
        "0.02",
        "0.05",
        "0.1",
        "0.2",
    ]
    layer = result.layers[0]
    counts = [3, int(layer.interpretable.sum()), *layer.curve.values()]
    assert re.split(r"\s{2,}", row) == ["canvas", *map(str, counts)]


def test_the_record_is_plain_json(result: Dissection) -> None:
    record = json.loads(json.dumps(record_of(result, NAMES, {"step": 3}), allow_nan=False))
    assert record["facts"] == {"step": 3}
    assert record["protocol"]["segmenter"] == "palette"
    assert record["protocol"]["segmenter_hash"] == COLORS.weights_hash
    units = record["layers"][0]["units"]
    assert units[1]["label"] == "red"
    assert units[1]["iou"] == pytest.approx(float(result.layers[0].best_iou[1]))
    assert record["layers"][0]["curve"]["0.005"] == result.layers[0].curve[0.005]
    by_quality = dissect(Squares(), COLORS, num=40, rule="iqr")
    json.dumps(record_of(by_quality), allow_nan=False)


def test_changed_units_have_a_page(tmp_path: Path) -> None:
    results = {
        f"<{name}>": dissect(Squares(), COLORS, num=40, tail=1 / 16, label=label)
        for label, name in enumerate(NAMES[1:])
    }
    changed = changed_units(list(results.values()))
    index = write_conditions(tmp_path, results, ["a/index.html", "b/index.html"], changed, names=NAMES)
    page = Page(index.read_text("utf-8"))
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"] == ["a/index.html", "b/index.html"]
    assert changed[0].tolist()[0]
    assert "<red>" in page.text
    ious = [float(each.layers[0].best_iou[0]) for each in results.values()]
    assert f"red, IoU {ious[0]:.3f}" in page.text
    assert f"blue, IoU {ious[1]:.3f}" in page.text
