"""Labels of a checkpoint as parts of pages: their numbers, and real members beside samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.facts import Facts
from everymode.explorer.grid import View, sample_address, strip_address
from everymode.explorer.label_table import LabelRow, LabelTable, members_of
from everymode.explorer.labels import Label, label_in
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import address
from everymode.explorer.real_images import TrainingData, real_address

__all__ = [
    "LABEL_STYLE",
    "SHOWN",
    "Members",
    "Shown",
    "address_of",
    "badge",
    "label_row",
    "members_on",
    "members_shown",
    "numbers",
    "real_row",
    "real_strip",
    "title_of",
]

SHOWN = 8
"""Real images, and samples, of a label."""

LABEL_STYLE = """
.label-row{display:grid;grid-template-columns:minmax(150px,1.1fr) 2fr 2fr;gap:8px 22px;align-items:center}
.label-row h2{overflow-wrap:anywhere}
.label-row .facts{font-size:.86rem;grid-template-columns:auto 1fr;gap:0 10px}
.label-row .head{display:flex;flex-direction:column;gap:6px}
.label-row figure{gap:4px}
.members{display:block;width:100%;height:auto;border-radius:5px;background:var(--well);image-rendering:pixelated}
.smooth{image-rendering:auto}
.badge{display:inline-block;padding:1px 9px;border-radius:99px;background:var(--warn-soft);color:var(--warn);
font-size:.8rem;font-weight:620;margin-left:8px}
.pages{display:flex;gap:18px}
.panel .row [role="rowheader"]{background:var(--card)}
@media (max-width:760px){.label-row{grid-template-columns:1fr}}
"""
"""CSS of labels."""


class Members(NamedTuple):
    """The label of each training image, int64 [N], and the step from which it is; None for what isn't known."""

    labels: np.ndarray | None = None
    step: int | None = None


class Shown(NamedTuple):
    """A checkpoint whose labels are shown."""

    run: Run
    checkpoint: Checkpoint
    facts: Facts
    block: int
    table: LabelTable
    data: TrainingData

    @property
    def view(self) -> View:
        return View(self.checkpoint, self.facts)

    def label(self, index: int) -> Label:
        """Return the label of a row; the other blocks are drawn."""
        return label_in(self.facts, self.block, index)

    def query(self, **more: object) -> dict[str, object]:
        """Return the values that all addresses of these pages have."""
        return {"checkpoint": self.checkpoint.name, "block": self.block or None, **more}


def members_on(shown: Shown) -> Members:
    """Return the label of each training image and its step; None if the training images aren't there."""
    dataset = shown.data.dataset
    if dataset is None or dataset.is_points or not shown.data.fits:
        return Members()
    labels = dataset.labels if dataset.labels.ndim == 1 else dataset.labels[:, shown.block]
    return Members(*members_of(shown.run, shown.checkpoint, labels, names_classes=shown.facts.names_classes))


def label_row(shown: Shown, row: LabelRow, members: Members) -> Html:
    """Return a label with its numbers, real members and samples."""
    head = element(
        "div",
        element(
            "h2", element("a", title_of(shown, row), href=address_of(shown, row.index)), badge(shown, row)
        ),
        _facts(shown, row),
        class_="head",
    )
    return element(
        "section",
        head,
        element("figure", real_strip(shown, row, members), element("figcaption", "real images")),
        element("figure", _sample_strip(shown, row), element("figcaption", f"samples, seeds 0-{SHOWN - 1}")),
        class_="panel label-row",
        id=f"label-row-{row.index}",
    )


def title_of(shown: Shown, row: LabelRow) -> str:
    """Return a label in words, such as "class heron"."""
    return f"{shown.facts.blocks[shown.block].name} {row.name}"


def address_of(shown: Shown, index: int) -> str:
    """Return the address of the page of a label."""
    return address(f"/labels/{index}", **shown.query())


def badge(shown: Shown, row: LabelRow) -> Html | None:
    """Return a mark for a label that is empty or starved; None for others."""
    text = "empty" if row.empty else "starved" if shown.table.starved(row) else ""
    return element("span", text, class_="badge") if text else None


def numbers(shown: Shown, row: LabelRow) -> Html:
    """Return the numbers of a label, large."""
    facts = _listed(shown, row)
    if row.fakes is not None:
        facts.append(("samples measured", f"{row.fakes:,}"))
    items = [element("div", element("dt", name), element("dd", text)) for name, text in facts]
    if not items:
        return element("p", "Nothing about this label was measured yet.")
    return element("div", element("h2", "Numbers", badge(shown, row)), element("dl", items, class_="scores"))


def members_shown(shown: Shown, row: LabelRow, members: Members) -> list[int]:
    """Return rows of the training data with a label, evenly spaced over its members; [] if there are none."""
    if members.labels is None:
        return []
    rows = np.flatnonzero(members.labels == row.index)
    return (
        rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(np.int64)].tolist()
        if len(rows)
        else []
    )


def no_members(members: Members) -> Html:
    """Return the words in place of real images."""
    text = "not shown" if members.labels is None else "no image has this label"
    return element("p", text, class_="none")


def real_strip(shown: Shown, row: LabelRow, members: Members) -> Html:
    """Return real images of a label side by side; words if there are none."""
    selected, dataset = members_shown(shown, row, members), shown.data.dataset
    if not selected or dataset is None:
        return no_members(members)
    height, width = dataset.image_shape[1:]
    return element(
        "img",
        src=real_address(dataset, selected),
        alt=f"{len(selected)} real images of {title_of(shown, row)}: rows {', '.join(map(str, selected))}",
        width=width * len(selected),
        height=height,
        loading="lazy",
        class_=_strip_class(shown.facts),
    )


def real_row(shown: Shown, row: LabelRow, members: Members) -> Html:
    """Return real images of a label as the row of a grid that looks like a row of samples; words if there are none."""
    selected, dataset = members_shown(shown, row, members), shown.data.dataset
    if not selected or dataset is None:
        return no_members(members)
    source, (height, width) = real_address(dataset, selected), dataset.image_shape[1:]
    cells = [
        element(
            "div",
            element(
                "a",
                element(
                    "img",
                    src=source,
                    alt=f"real image of {title_of(shown, row)}, row {number}",
                    width=width,
                    height=height,
                    class_=f"tile c{column}",
                ),
                href=real_address(dataset, [number], "png"),
            ),
            role="gridcell",
        )
        for column, number in enumerate(selected)
    ]
    head = element("span", "real", role="rowheader")
    line = element("div", head, cells, role="row", class_="row")
    inner = element("div", line, role="grid", aria_label="Real images", class_="grid", id="real-grid")
    return element("div", inner, class_="scroller")


def _facts(shown: Shown, row: LabelRow) -> Html:
    return element(
        "dl",
        *((element("dt", name), element("dd", text)) for name, text in _listed(shown, row)),
        class_="facts",
    )


def _listed(shown: Shown, row: LabelRow) -> list[tuple[str, str]]:
    """Return names and texts of the numbers of a label that are known."""
    facts: list[tuple[str, str]] = []
    if row.count is not None:
        kind = "images and mirror images" if shown.table.mirrored else "images"
        share = "" if row.share is None else f" ({row.share:.1%})"
        facts.append((kind, f"{row.count:,}{share}"))
    if row.distance is not None:
        few = " (few images)" if row.few else ""
        facts.append(("distance", f"{row.distance:.4g}{few}"))
    if row.coverage is not None:
        facts.append(("coverage", f"{row.coverage:.3f}"))
    if row.purity is not None:
        facts.append(("purity", f"{row.purity:.0%} are {row.most}"))
    return facts


def _sample_strip(shown: Shown, row: LabelRow) -> Html:
    label, seeds = shown.label(row.index), tuple(range(1 if shown.facts.points else SHOWN))
    height, width = shown.facts.size
    picture = element(
        "img",
        src=strip_address(shown.view, label, seeds),
        alt=f"samples of {label.title(shown.facts)}, seeds 0 to {seeds[-1]}, truncation 1",
        width=width * len(seeds),
        height=height,
        loading="lazy",
        class_=_strip_class(shown.facts),
    )
    return element("a", picture, href=sample_address(shown.view, label, 0))


def _strip_class(facts: Facts) -> str:
    return "members" if max(facts.size) <= 64 else "members smooth"
