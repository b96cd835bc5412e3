"""One explorer for all tests of pages: small runs of several kinds, written without training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NAMES = ("<script>alert(1)</script>", "it's", "a&b", "heron", "$(touch x)", "'; touch x #")
"""Class names that must be escaped."""


class Element(NamedTuple):
    """An element of a page, with its attributes."""

    name: str
    attributes: dict[str, str]


class Document(HTMLParser):
    """All elements and all text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        """Attributes of all elements with this tag name."""
        return [each.attributes for each in self.elements if each.name == name]

    def by_id(self, id_: str) -> Element:
        """The one element with this id."""
        found = [each for each in self.elements if each.attributes.get("id") == id_]
        assert len(found) == 1, f"{len(found)} elements have the id {id_}"
        return found[0]

    @property
    def ids(self) -> list[str]:
        """All ids."""
        return [each.attributes["id"] for each in self.elements if "id" in each.attributes]


class Explored(NamedTuple):
    """A client of an explorer, and the names of its runs' checkpoints."""

    client: Any
    site: Any
    names: dict[str, list[str]]
    folder: Path

    def get(self, address: str, **headers: str) -> Any:
        """The reply to a request, without following redirections."""
        listed = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(address, headers=listed, follow_redirects=False)

    def page(self, address: str, status: int = 200) -> Document:
        """A page, whose status is checked."""
        reply = self.get(address)
        assert reply.status_code == status, reply.text[-1500:]
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        return Document(reply.text)


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explored]:
    from explored import digits, names_of, write_run
    from starlette.testclient import TestClient

    from everymode.explorer.app import application
    from everymode.explorer.site import site_of
    from everymode.recipes import find

    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "named", classes=NAMES)
    write_run(folder / "digits", steps=(10, 20, 30))
    write_run(folder / "implicit", digits(implicit=True), steps=(5,))
    ring = find("gan-ring")
    write_run(folder / "ring", ring, steps=(7,), classes=(), source="ring")
    shapes = find("omni-gan-shapes")
    assert shapes.networks is not None
    narrow: Any = {"width": 4}
    shapes = replace(shapes, networks=replace(shapes.networks, **narrow))
    blocks = [["circle", "square", "triangle"], ["red", "green", "blue"], ["small", "large"]]
    shapes = replace(shapes, num_classes=(3, 3, 2), class_counts=(5,) * 8, num_images=20)
    names = [name for block in blocks for name in block]
    more = {"label_blocks": blocks, "block_names": ["shape", "color", "size"]}
    write_run(folder / "shapes", shapes, steps=(9,), classes=names, source="shapes", **more)
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    site = site_of([folder], None, ())
    runs = [path.name for path in folder.iterdir() if (path / "checkpoints").is_dir()]
    client = TestClient(application(site), base_url="http://127.0.0.1", raise_server_exceptions=True)
    with client:
        yield Explored(client, site, {run: names_of(folder / run) for run in runs}, folder)
