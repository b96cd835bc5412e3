"""Grids of samples: rows of labels, columns of seeds; each row is one file, of which each cell shows its tile.

Rows that are too large for one file have a file for each cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.conditions import columns_of
from everymode.explorer.encoding import fits_in_one
from everymode.explorer.facts import Facts
from everymode.explorer.labels import Label
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import address, seed_text

__all__ = ["View", "grid", "grid_style", "image_address", "row_of_tiles", "sample_address", "strip_address"]


class View(NamedTuple):
    """Checkpoint, truncation and size of all images of a view."""

    checkpoint: Checkpoint
    facts: Facts
    truncation: float = 1.0
    size: tuple[int, int] | None = None

    @property
    def size_text(self) -> str | None:
        """The size in an address; None for the training resolution."""
        return None if self.size is None else f"{self.size[0]}x{self.size[1]}"

    @property
    def truncation_text(self) -> str | None:
        """The truncation in an address; None for 1."""
        return None if self.truncation == 1 else f"{self.truncation:g}"

    def alternative(self, label: Label, seed: int) -> str:
        """Return the text of an image, such as "class heron, seed 3, truncation 0.7"."""
        return f"{label.title(self.facts)}, seed {seed}, truncation {self.truncation:g}"


def strip_address(view: View, label: Label, seeds: Sequence[int]) -> str:
    """Return the address of a row of images."""
    return address(
        f"/strip/{view.checkpoint.name}/{label.text}.webp",
        seeds=seed_text(seeds),
        truncation=view.truncation_text,
        size=view.size_text,
    )


def image_address(view: View, label: Label, seed: int, ending: str = "webp") -> str:
    """Return the address of one image."""
    path = f"/image/{view.checkpoint.name}/{label.text}/{seed}.{ending}"
    return address(path, truncation=view.truncation_text, size=view.size_text)


def sample_address(view: View, label: Label, seed: int) -> str:
    """Return the address of the page of one image."""
    return address(
        "/sample",
        checkpoint=view.checkpoint.name,
        label=label.text,
        seed=seed,
        truncation=view.truncation_text,
        size=view.size_text,
    )


def grid(
    view: View, labels: Sequence[Label], seeds: Sequence[int], id_: str = "grid", prefix: str = ""
) -> Html:
    """Return a grid of samples; its cells are links to the pages of single images.

    Args:
        view: checkpoint, truncation and size.
        labels: labels of the rows.
        seeds: seeds of the columns.
        id_: id of the element.
        prefix: beginning of the ids of rows and cells, for a second grid on a page.
    """
    heads = [element("span", seed, role="columnheader") for seed in seeds]
    rows = [
        element("div", element("span", "seed", role="columnheader"), heads, role="row", class_="row heads")
    ]
    height, width = view.size or view.facts.size
    together = fits_in_one(len(seeds), (height, width))
    for label in labels:
        strip = strip_address(view, label, seeds)
        cells = [
            element(
                "div",
                element(
                    "a",
                    element(
                        "img",
                        src=strip if together else image_address(view, label, seed),
                        alt=view.alternative(label, seed),
                        width=width,
                        height=height,
                        decoding="async",
                        class_=f"tile c{column}",
                    ),
                    href=sample_address(view, label, seed),
                    id=f"{prefix}sample-{label.text}-{seed}",
                    data_png=image_address(view, label, seed, "png"),
                ),
                role="gridcell",
            )
            for column, seed in enumerate(seeds)
        ]
        head = element("span", label.short(view.facts), role="rowheader")
        rows.append(element("div", head, cells, role="row", class_="row", id=f"{prefix}strip-{label.text}"))
    title = f"Samples by {view.facts.word} and seed"
    inner = element("div", rows, role="grid", aria_label=title, class_="grid", id=id_)
    return element("div", inner, class_="scroller")


def data_grid(view: View, rows: Sequence[int], seeds: Sequence[int]) -> Html:
    """Return a grid of rows of the data: condition, generated images and real image side by side."""
    height, width = view.facts.size
    heads = [column.head for column in columns_of(view.facts, 0, seeds)]
    listed = [
        element(
            "div",
            element("span", "row", role="columnheader"),
            [element("span", head, role="columnheader") for head in heads],
            role="row",
            class_="row heads",
        )
    ]
    for row in rows:
        source = address(
            f"/row/{view.checkpoint.name}/r{row}.webp",
            seeds=seed_text(seeds) if view.facts.latent else None,
            truncation=view.truncation_text,
        )
        cells = []
        for index, column in enumerate(columns_of(view.facts, row, seeds, view.truncation)):
            label = column.tile.label
            real = column.tile.part is not None
            alternative = f"{column.head} of row {row}" if real else view.alternative(label, column.tile.seed)
            image = element(
                "img",
                src=source,
                alt=alternative,
                width=width,
                height=height,
                decoding="async",
                class_=f"tile c{index}",
            )
            link = sample_address(view, label, column.tile.seed)
            id_ = None if real else f"sample-{label.text}-{column.tile.seed}"
            cell = element("a", image, href=None if real else link, id=id_)
            cells.append(element("div", cell, role="gridcell"))
        head = element("span", f"row {row}", role="rowheader")
        listed.append(element("div", head, cells, role="row", class_="row", id=f"strip-r{row}"))
    inner = element(
        "div", listed, role="grid", aria_label="Samples by row of the data", class_="grid", id="grid"
    )
    return element("div", inner, class_="scroller")


def row_of_tiles(view: View, source: str, heads: Sequence[str], alternatives: Sequence[str]) -> Html:
    """Return one row of tiles of a file, with a head and a text for each.

    Args:
        view: checkpoint, truncation and size.
        source: address of the file.
        heads: heads of the columns.
        alternatives: text of each tile.
    """
    height, width = view.size or view.facts.size
    figures = [
        element(
            "li",
            element("img", src=source, alt=text, width=width, height=height, class_=f"tile c{column}"),
            element("span", head),
        )
        for column, (head, text) in enumerate(zip(heads, alternatives, strict=True))
    ]
    return element("ol", figures, class_="strip", id="grid")


def grid_style(columns: int, size: tuple[int, int], selector: str = "#grid") -> str:
    """Return the CSS of a grid: number of columns, shape of the tiles, and which tile each column shows.

    Args:
        columns: number of columns.
        size: (height, width) of a tile.
        selector: the grid.
    """
    height, width = size
    largest = width if width > 64 else width * max(1, 128 // max(size))
    largest = max(48, min(160, largest))
    pixelated = "pixelated" if max(size) <= 64 else "auto"
    rules = [
        f"{selector}{{--columns:{columns};--shape:{width}/{height};--largest:{largest}px}}",
        f"{selector} .tile{{image-rendering:{pixelated}}}",
    ]
    for column in range(columns):
        share = 0.0 if columns == 1 else 100 * column / (columns - 1)
        rules.append(f"{selector} .c{column}{{object-position:{share:.4f}% 0}}")
    return "".join(rules)
