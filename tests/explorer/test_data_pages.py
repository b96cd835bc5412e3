"""Pages that show training data: labels, nearest images, and the commands, on one small run with data of its own."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from everymode.cli import main
from everymode.data.dataset import Dataset
from everymode.explorer.nearest import percentile
from everymode.explorer.real_images import source_of
from everymode.pictures import grid

NAMES = ("'; touch x #", "$(touch x)", "heron", "a,b")
SIDE = 16


class Own(NamedTuple):
    """A client of an explorer of one run in the user's own runs folder, and its training data."""

    client: Any
    site: Any
    folder: Path
    names: list[str]
    training: Dataset
    held_out: Dataset

    def get(self, address: str) -> Any:
        return self.client.get(address, follow_redirects=False)

    def pixels(self, address: str) -> np.ndarray:
        """A picture of the explorer, [H, W]."""
        reply = self.get(address)
        assert reply.status_code == 200, reply.text
        return np.asarray(Image.open(io.BytesIO(reply.content)).convert("L"))

    def until(self, address: str, text: str) -> str:
        """A page, asked for until it has a text."""
        end = time.monotonic() + 60
        while text not in (page := self.get(address).text):
            assert time.monotonic() < end, page[-2000:]
            time.sleep(0.05)
        return page


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    from explored import digits, names_of, write_run
    from starlette.testclient import TestClient

    from everymode.data.holding_out import hold_out
    from everymode.explorer.app import application
    from everymode.explorer.real_images import Reals
    from everymode.explorer.site import site_of
    from everymode.runs.data import open_source

    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, SIDE, SIDE), dtype=np.uint8)
    np.savez(
        folder / "photos.npz", images=images, labels=np.repeat(np.arange(4), 15), classes=np.array(NAMES)
    )
    recipe = replace(digits(classes=4), held_out=0.2, metric_extractor="random:16")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EVERYMODE_CACHE", str(folder / "cache"))
        opened = open_source(recipe, str(folder / "photos.npz"), labeled=False, quiet=True)
        training, held_out = hold_out(opened, 0.2, recipe.seed)
        assert held_out is not None
        recipe = replace(recipe, class_counts=tuple(training.class_counts), num_images=len(training))
        data = {"source": str(folder / "photos.npz"), "fingerprint": training.fingerprint}
        run = write_run(folder / "runs" / "mine", recipe, classes=NAMES, **data)
        site = site_of([Path("runs/mine")], None, ())
        site.reals = site.searches._reals = Reals(None)  # of this current directory
        with TestClient(application(site), base_url="http://127.0.0.1") as client:
            yield Own(client, site, folder, names_of(run), training, held_out)


def test_real_images_are_found_by_fingerprint_and_row(own: Own) -> None:
    own.until("/labels", "/real/")
    picture = own.pixels(f"/real/{own.training.fingerprint}/7.png")
    assert np.array_equal(picture, own.training.images[7][0])
    row = own.pixels(f"/real/{own.training.fingerprint}/7,3.png")
    assert np.array_equal(row[:, SIDE:], own.training.images[3][0])
    reply = own.get(f"/real/{own.training.fingerprint}/7.webp")
    assert "immutable" in reply.headers["cache-control"] and "private" in reply.headers["cache-control"]
    for name, code in (
        (f"{own.training.fingerprint}/48.png", 404),
        ("0/7.png", 404),
        (f"{own.training.fingerprint}/x.png", 422),
        (f"{own.training.fingerprint}/7.exe", 422),
        (f"{own.training.fingerprint}/..%2f..%2fphotos.npz", 404),
        (f"{own.held_out.fingerprint}/0.png", 404),
    ):
        assert own.get(f"/real/{name}").status_code == code, name


def test_only_runs_of_ones_own_may_name_the_path_of_their_data(own: Own, tmp_path: Path) -> None:
    run = own.site.catalog.runs[0]
    assert source_of(run, None, own.folder / "runs")[0] == str(own.folder / "photos.npz")
    source, reason = source_of(run, None, tmp_path)
    assert source is None and "not in your own runs folder" in reason and "--data" in reason
    assert source_of(run, "elsewhere", tmp_path)[0] == "elsewhere"
    built_in = replace(run, config={"data": {"source": "digits:train"}})
    assert source_of(built_in, None, tmp_path)[0] == "digits:train"
    inside = replace(run, config={"data": {"source": f"stacked:{own.folder}"}})
    assert source_of(inside, None, tmp_path)[0] is None
    assert source_of(replace(run, config={}), None, tmp_path)[0] is None


def test_data_with_another_fingerprint_is_not_shown(own: Own) -> None:
    from everymode.explorer.real_images import Reals

    run = own.site.catalog.runs[0]
    other = replace(
        run, name="other", config={**run.config, "data": {**run.config["data"], "fingerprint": "f"}}
    )
    found = Reals(None, own.folder / "runs").of(other, own.site.catalog, wait=60)
    assert found.state == "refused" and found.dataset is None and "fingerprint differs" in found.reason
    named = Reals(own.folder / "photos.npz", own.folder / "runs").of(other, own.site.catalog, wait=60)
    assert named.state == "ready" and not named.fits and named.held_out is None
    assert "not known which images were held out" in named.without


def test_nearest_images_agree_with_a_brute_force_search(own: Own) -> None:
    from everymode.extractors.extraction import extract
    from everymode.extractors.finding import find_extractor

    address = "/nearest?label=2&seed=5&truncation=0.5"
    page = own.until(address, 'id="neighbor-1"')
    extractor = find_extractor("random:16")

    def features(images: np.ndarray) -> np.ndarray:
        found = extract(extractor, [torch.from_numpy(np.array(images))])
        return found.features[extractor.default_layer].numpy().astype(np.float64)

    sample = own.pixels(f"/image/{own.names[-1]}/2/5.png?truncation=0.5")
    training, held_out = features(own.training.images[:]), features(own.held_out.images[:])
    distances = np.linalg.norm(training - features(sample[None, None]), axis=1)
    order = np.argsort(distances)[:8]
    shown = re.findall(r'id="neighbor-\d"><figure><a href="/real/([0-9a-f]+)/(\d+).png"', page)
    assert shown == [(own.training.fingerprint, str(row)) for row in order]
    assert f">{distances[order[0]]:.4g}</p>" in page
    nearest = [np.linalg.norm(training - each, axis=1).min() for each in held_out]
    share = 100 * np.mean([each < distances[order[0]] for each in nearest])
    assert f"Percentile {share:.1f} among 12 held-out images" in page
    assert "random" in page and "Searched: 48 training images" in page


def test_percentiles_by_hand() -> None:
    held_out = torch.tensor([1.0, 2.0, 2.0, 4.0], dtype=torch.float64)
    assert [percentile(each, held_out) for each in (0.5, 1.0, 2.0, 3.0, 9.0)] == [
        0.0,
        12.5,
        50.0,
        75.0,
        100.0,
    ]
    assert percentile(1.0, held_out[:0]) is None


def test_without_held_out_images_the_percentile_is_left_out_in_words(own: Own) -> None:
    from everymode.explorer.nearest_page import _words

    own.until("/nearest", 'id="neighbor-1"')
    search = own.site.searches.of(own.site.catalog.runs[0])
    without = replace(search.features, held_out=torch.zeros(0), without="This run held no images out")
    found = without.search(np.zeros((SIDE, SIDE, 1), np.uint8), 3)
    words = "".join(map(str, _words(without, found)))
    assert "This run held no images out, so the percentile" in words and "Percentile" not in words


def test_labels_show_members_beside_samples(own: Own) -> None:
    page = own.until("/labels", "/real/")
    for label in range(4):
        assert page.count(f'id="label-row-{label}"') == 1
    rows = re.findall(r'id="label-row-(\d)".*?/real/[0-9a-f]+/([0-9,]+)\.webp', page, re.DOTALL)
    assert len(rows) == 4
    for label, members in rows:
        assert set(own.training.labels[[int(each) for each in members.split(",")]]) == {int(label)}
    assert "$(touch x)" in page and "&#x27;; touch x #" in page
    assert "everymode evaluate runs/mine --metrics=per-class" in page, (
        "no score card yet: the command is shown"
    )
    single = own.get("/labels/3").text
    assert 'id="label-row-3"' in single and f"/strip/{own.names[-1]}/3.webp" in single
    labels = own.get("/api/labels.json").json()["blocks"][0]["labels"]
    assert [each["name"] for each in labels] == list(NAMES) and labels[0]["distance"] is None
    assert sum(each["count"] for each in labels) == len(own.training)


@pytest.mark.parametrize(
    "view",
    [
        "/samples?labels=0-3&seeds=0-2,5&truncation=0.7",
        "/sample?label=1&seed=3",
        "/samples?labels=any&seeds=0-2",
        "/labels/3",
    ],
)
def test_the_command_draws_what_is_on_the_screen(
    own: Own, view: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shlex

    from everymode.explorer.command_page import drawn_of
    from everymode.explorer.commands import python_lines, sample_lines

    drawn = drawn_of(own.site, view)
    query = "" if drawn.truncation == 1 else f"?truncation={drawn.truncation}"
    tiles = [
        own.pixels(f"/image/{drawn.checkpoints[0].name}/{label.text}/{seed}.png{query}")
        for label in drawn.labels
        for seed in drawn.seeds
    ]
    shown = torch.from_numpy(np.stack(tiles))[:, None].int()
    monkeypatch.chdir(own.folder)
    values: dict[str, Any] = {}
    exec(python_lines(drawn), values)
    made = (values["images"] * 127.5 + 127.5).round().clamp(0, 255).int()
    assert (made - shown).abs().max() <= 1
    assert len(made.unique()) > 2, "they are pictures"
    words = shlex.split(sample_lines(drawn))
    assert words[0] == "everymode"
    grid_flag = f"--grid={tmp_path / 'a.png'}"
    words = [grid_flag if word.startswith("--grid=") else word for word in words]
    assert main(words[1:]) == 0
    names = [NAMES[label.values[0]] for label in drawn.labels if label.values[0] >= 0]
    expected = grid(shown.to(torch.uint8), columns=len(drawn.seeds), row_names=names)
    with Image.open(tmp_path / "a.png") as picture:
        difference = np.asarray(picture).astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= 1


def test_the_lines_of_an_interpolation_draw_it(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    from html import unescape

    monkeypatch.chdir(own.folder)
    for query in ("from=0:3&to=2:8&steps=5", "from=1:3&to=1:8&steps=4&path=sphere&truncation=0.5"):
        page = own.get("/command?view=" + f"/interpolate?{query}".replace("&", "%26")).text
        lines = re.search(r'id="command-python"[^>]*><code>(.*?)</code>', page, re.DOTALL)
        assert lines is not None
        values: dict[str, Any] = {}
        exec(unescape(lines[1]), values)
        made = (values["images"] * 127.5 + 127.5).round().clamp(0, 255).int()
        strip = own.pixels(f"/between/{own.names[-1]}/walk.png?{query}")
        shown = torch.from_numpy(strip.astype(np.int32)).unflatten(1, (-1, SIDE)).transpose(0, 1)
        assert (made[:, 0] - shown).abs().max() <= 1


def test_every_page_with_images_links_its_command(own: Own) -> None:
    for path in (
        "/samples",
        "/sample",
        "/labels",
        "/labels/0",
        "/nearest",
        "/history",
        "/compare",
        "/interpolate",
    ):
        link = re.search(r'<a href="(/command\?view=[^"]*)" id="command-link">', own.get(path).text)
        assert link is not None, path
        reply = own.get(link[1])
        assert reply.status_code == 200 and "import everymode" in reply.text
    assert "command-link" not in own.get("/curves").text
    for view in (
        "/curves",
        "//evil.example/samples",
        "http://[",
        "/samples?labels=x",
        "x" * 399,
        "/labels/77",
    ):
        assert own.get(f"/command?view={view}").status_code == 422, view
    assert own.get("/command?view=/samples%3Fcheckpoint=0123456789ab").status_code == 404


def test_curves_have_links_tables_and_ids(own: Own) -> None:
    folder = own.folder / "runs" / "mine"
    (folder / "log.jsonl").write_text(
        "".join(
            f'{{"step": {step}, "judgment/real": {step}.5, "judgment/fake": -1}}\n' for step in range(1, 300)
        )
    )
    (folder / "collapses.jsonl").write_text('{"step": 12, "text": "<b>coverage</b> fell"}\n')
    page = own.get("/curves").text
    assert 'id="curve-realness"' in page and "&lt;b&gt;coverage" in page and "<b>" not in page
    assert f'href="/samples?checkpoint={own.names[0]}"' in page
    assert page.count("<tr>") < 130 and "every 3th step" not in page
    record = own.get("/api/curves.json").json()
    assert record["curves"][0]["series"][0]["values"][:2] == [1.5, 2.5]
    assert record["events"] == [{"step": 12, "kind": "alarm", "text": "<b>coverage</b> fell"}]
    assert own.get("/curves?run=nothing").status_code == 404
