"""Pages of the labels of a checkpoint: all classes or clusters, the worst first, and one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from everymode.condition import UNLABELED
from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.commands import command_details, evaluate_command
from everymode.explorer.controls import checkpoint_control, form, select
from everymode.explorer.curves import Curve, Series
from everymode.explorer.diagram import DIAGRAM_STYLE, Target, diagram
from everymode.explorer.facts import Facts
from everymode.explorer.grid import View, grid, grid_style, sample_address, strip_address
from everymode.explorer.label_table import (
    LabelRow,
    LabelTable,
    history_of,
    members_of,
    problems_first,
    table_of,
)
from everymode.explorer.labels import Label
from everymode.explorer.markup import Content, Html, element, table
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.real_images import TrainingData, real_address
from everymode.explorer.replies import File, Page, json_file
from everymode.explorer.site import Site

__all__ = ["labels", "labels_json", "one_label"]

ROWS = 20
"""Labels of a page."""
SHOWN = 8
"""Real images, and samples, of a label."""
ORDERS = (("problems", "empty and starved first"), ("index", "by number"), ("count", "largest first"))

STYLE = """
.label-row{display:grid;grid-template-columns:minmax(150px,1.1fr) 2fr 2fr;gap:8px 22px;align-items:center}
.label-row h2{overflow-wrap:anywhere}
.label-row .facts{font-size:.86rem;grid-template-columns:auto 1fr;gap:0 10px}
.label-row .head{display:flex;flex-direction:column;gap:6px}
.label-row figure{gap:4px}
.strip{display:block;width:100%;height:auto;border-radius:5px;background:var(--well);image-rendering:pixelated}
.smooth{image-rendering:auto}
.badge{display:inline-block;padding:1px 9px;border-radius:99px;background:var(--warn-soft);color:var(--warn);
font-size:.8rem;font-weight:620;margin-left:8px}
.pages{display:flex;gap:18px}
@media (max-width:760px){.label-row{grid-template-columns:1fr}}
"""


class _Shown(NamedTuple):
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
        values = [UNLABELED] * len(self.facts.blocks)
        values[self.block] = index
        return Label(tuple(values))

    def query(self, **more: object) -> dict[str, object]:
        """Return the values that all addresses of these pages have."""
        return {"checkpoint": self.checkpoint.name, "block": self.block or None, **more}


def labels(site: Site, parameters: Parameters) -> Page:
    """Return the page of all labels of a checkpoint."""
    shown = _shown(site, parameters)
    if isinstance(shown, Page):
        return shown
    order = parameters.choice("order", "problems", [name for name, _ in ORDERS])
    rows = _ordered(shown.table, order)
    pages = -(-len(rows) // ROWS)
    page = parameters.whole("page", 1, least=1, most=max(1, pages))
    some = rows[(page - 1) * ROWS : page * ROWS]
    members = _members(shown)
    listed = [_row(shown, row, members) for row in some]
    controls = form(
        "/labels", _block_control(shown), checkpoint_control(site, shown.checkpoint), _order(order)
    )
    body = element(
        "div",
        _summary(shown),
        _notices(shown, members),
        listed,
        _pages(shown, page, pages, order),
        id="view",
    )
    word = shown.facts.blocks[shown.block].name
    status = f"{len(some)} of {len(rows)} labels ({word}) of {shown.run.name}, {shown.checkpoint.title}"
    return Page("Labels", Html(controls + body), status, "/labels", STYLE)


def one_label(site: Site, parameters: Parameters) -> Page:
    """Return the page of one label: its numbers, real images beside samples, and its distance over the run."""
    shown = _shown(site, parameters)
    if isinstance(shown, Page):
        return shown
    count = len(shown.table.rows)
    row = shown.table.rows[parameters.whole("label", least=0, most=count - 1)]
    label, seeds = shown.label(row.index), tuple(range(SHOWN))
    members = _members(shown)
    around = [
        element(
            "a", f"{shown.view.facts.blocks[shown.block].labels[index]} {text}", href=_address(shown, index)
        )
        for index, text in ((row.index - 1, "(previous)"), (row.index + 1, "(next)"))
        if 0 <= index < count
    ]
    more = element(
        "a", "More samples", href=address("/samples", checkpoint=shown.checkpoint.name, labels=row.index)
    )
    samples = element(
        "section",
        element("h2", "Samples"),
        grid(shown.view, [label], seeds),
        element("p", more if len(shown.facts.blocks) == 1 else None),
        class_="panel",
    )
    parts: list[Content] = [
        _notices(shown, members),
        element("section", _numbers(shown, row), class_="panel", id=f"label-row-{row.index}"),
        samples,
        _real_panel(shown, row, members),
        _over_time(shown, row),
        element("p", *[(link, " ") for link in around], element("a", "All labels", href=_all(shown))),
    ]
    controls = form(f"/labels/{row.index}", _block_control(shown), checkpoint_control(site, shown.checkpoint))
    style = STYLE + DIAGRAM_STYLE + grid_style(len(seeds), shown.facts.size)
    status = f"{_title(shown, row)} of {shown.run.name}, {shown.checkpoint.title}"
    body = Html(controls + element("div", parts, id="view"))
    return Page(_title(shown, row).capitalize(), body, status, "/labels", style)


def labels_json(site: Site, parameters: Parameters) -> File:
    """Return the labels of a checkpoint as JSON; a number that was not measured is null."""
    checkpoint = site.checkpoint(parameters)
    facts, run = site.facts(checkpoint), site.catalog.run(checkpoint.run)
    blocks = () if facts.needs_data else facts.blocks
    tables = [table_of(run, checkpoint, facts, block) for block in range(len(blocks))]
    return json_file(
        {
            "run": run.name,
            "checkpoint": checkpoint.name,
            "step": checkpoint.step,
            "blocks": [
                {
                    "name": block.name,
                    "score_card": None if each.scored is None else each.scored.name,
                    "counts_mirror_images": each.mirrored,
                    "labels": [
                        {**vars(row), "empty": row.empty, "starved": each.starved(row)} for row in each.rows
                    ],
                }
                for block, each in zip(blocks, tables, strict=True)
            ],
        }
    )


def _shown(site: Site, parameters: Parameters) -> _Shown | Page:
    checkpoint = site.checkpoint(parameters)
    facts, run = site.facts(checkpoint), site.catalog.run(checkpoint.run)
    if facts.needs_data or not facts.blocks:
        why = (
            "This generator draws its images from label maps or pictures, so there are no labels to compare."
            if facts.needs_data
            else "This generator has no labels: all its images are drawn from one distribution."
        )
        controls = form("/labels", checkpoint_control(site, checkpoint))
        body = element("div", element("p", why, class_="notice"), id="view")
        return Page("Labels", Html(controls + body), why, "/labels")
    block = parameters.whole("block", 0, most=len(facts.blocks) - 1)
    data = site.reals.of(run, site.catalog, wait=0.5)
    return _Shown(run, checkpoint, facts, block, table_of(run, checkpoint, facts, block), data)


def _ordered(shown: LabelTable, order: str) -> Sequence[LabelRow]:
    if order == "index":
        return shown.rows
    if order == "count":
        return sorted(shown.rows, key=lambda row: (-(row.count or 0), row.index))
    return problems_first(shown)


def _order(current: str) -> Html:
    return select("Order", "order", "order-select", ORDERS, current)


def _block_control(shown: _Shown) -> Html | None:
    if len(shown.facts.blocks) == 1:
        return None
    options = [(str(index), block.name) for index, block in enumerate(shown.facts.blocks)]
    return select("Kind of label", "block", "block-select", options, str(shown.block))


def _members(shown: _Shown) -> tuple[np.ndarray | None, int | None]:
    """Return the label of each training image and its step; None if the training images aren't there."""
    dataset = shown.data.dataset
    if dataset is None or dataset.is_points or not shown.data.fits:
        return None, None
    labels = dataset.labels if dataset.labels.ndim == 1 else dataset.labels[:, shown.block]
    return members_of(shown.run, shown.checkpoint, labels, names_classes=shown.facts.names_classes)


def _summary(shown: _Shown) -> Html:
    table, rows = shown.table, shown.table.rows
    word = shown.facts.blocks[shown.block].name
    empty = sum(row.empty for row in rows)
    starved = sum(table.starved(row) for row in rows)
    pieces = [f"{len(rows)} labels ({word})"]
    if any(row.count is not None for row in rows):
        pieces.append(f"{empty} empty")
        pieces.append(f"{starved} with less than a tenth of an equal share")
    if table.scored is not None:
        step = table.scored.card.subject.get("facts", {}).get("step")
        at = "" if step is None else f" at step {step:,}"
        pieces.append(f"distances {table.distances} from the score card{at}")
    if table.clustered is not None:
        pieces.append(f"purity from the report of step {table.clustered:,}")
    return element("p", "; ".join(pieces) + ".", class_="lead")


def _notices(shown: _Shown, members: tuple[np.ndarray | None, int | None]) -> Html | None:
    """Return what is missing and how to get it: scores, training images, members of clusters."""
    notes: list[Content] = []
    table, single = shown.table, len(shown.facts.blocks) == 1
    if single and shown.facts.names_classes:
        if table.scored is None:
            text = "No score card has distances per class yet."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
        elif table.scored.card.subject.get("facts", {}).get("step") != shown.checkpoint.step:
            text = "The newest score card with distances per class is of another step than this checkpoint."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
        elif all(row.coverage is None for row in table.rows):
            text = "The score card has no coverage per class: an earlier version wrote it, or a class has few images."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
    elif single and table.clustered is None:
        text = "Whether these labels agree with classes of the data is not known yet."
        notes.append((element("p", text), command_details("clusters", [str(shown.run.path)])))
    if shown.facts.points:
        notes.append(
            element("p", "This generator draws points in the plane, so there are no pictures of members.")
        )
    elif shown.data.state == "waiting":
        notes.append(element("p", f"Real images are not shown yet: {shown.data.reason}. Reload this page."))
    elif shown.data.state == "refused":
        notes.append(element("p", f"Real images are not shown: {shown.data.reason}."))
    elif not shown.data.fits:
        text = (
            f"Real images are not shown: the data of --data is not that on which {shown.run.name} was trained (its "
            "fingerprint differs)."
        )
        notes.append(element("p", text))
    elif members[0] is None:
        notes.append(element("p", "Real images are not shown: no checkpoint holds the label of each image."))
    elif members[1] is not None and members[1] != shown.checkpoint.step:
        text = f"The members are those of step {members[1]:,}; this checkpoint no longer has its own."
        notes.append(element("p", text))
    return element("div", notes, class_="notice") if notes else None


def _row(shown: _Shown, row: LabelRow, members: tuple[np.ndarray | None, int | None]) -> Html:
    head = element(
        "div",
        element("h2", element("a", _title(shown, row), href=_address(shown, row.index)), _badge(shown, row)),
        _facts(shown, row),
        class_="head",
    )
    return element(
        "section",
        head,
        element("figure", _real_strip(shown, row, members, SHOWN), element("figcaption", "real images")),
        element("figure", _sample_strip(shown, row), element("figcaption", f"samples, seeds 0-{SHOWN - 1}")),
        class_="panel label-row",
        id=f"label-row-{row.index}",
    )


def _title(shown: _Shown, row: LabelRow) -> str:
    return f"{shown.facts.blocks[shown.block].name} {row.name}"


def _badge(shown: _Shown, row: LabelRow) -> Html | None:
    text = "empty" if row.empty else "starved" if shown.table.starved(row) else ""
    return element("span", text, class_="badge") if text else None


def _facts(shown: _Shown, row: LabelRow) -> Html:
    return element(
        "dl",
        *((element("dt", name), element("dd", text)) for name, text in _listed(shown, row)),
        class_="facts",
    )


def _listed(shown: _Shown, row: LabelRow) -> list[tuple[str, str]]:
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
        facts.append(("purity", f"{row.purity:.0%} {row.most}"))
    return facts


def _numbers(shown: _Shown, row: LabelRow) -> Html:
    facts = _listed(shown, row)
    if row.fakes is not None:
        facts.append(("samples measured", f"{row.fakes:,}"))
    items = [element("div", element("dt", name), element("dd", text)) for name, text in facts]
    if not items:
        return element("p", "Nothing about this label was measured yet.")
    return element("div", element("h2", "Numbers", _badge(shown, row)), element("dl", items, class_="scores"))


def _real_strip(
    shown: _Shown, row: LabelRow, members: tuple[np.ndarray | None, int | None], count: int
) -> Html:
    """Return real images of a label side by side, evenly spaced over its members; words if there are none."""
    dataset = shown.data.dataset
    if members[0] is None or dataset is None:
        return element("p", "not shown", class_="none")
    rows = np.flatnonzero(members[0] == row.index)
    if not len(rows):
        return element("p", "no image has this label", class_="none")
    selected = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]
    height, width = dataset.image_shape[1:]
    return element(
        "img",
        src=real_address(dataset, selected.tolist()),
        alt=f"{len(selected)} real images of {_title(shown, row)}: rows {', '.join(map(str, selected))}",
        width=width * len(selected),
        height=height,
        loading="lazy",
        class_=_strip_class(shown.facts),
    )


def _sample_strip(shown: _Shown, row: LabelRow) -> Html:
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
    return "strip" if max(facts.size) <= 64 else "strip smooth"


def _real_panel(shown: _Shown, row: LabelRow, members: tuple[np.ndarray | None, int | None]) -> Html:
    picture = _real_strip(shown, row, members, SHOWN)
    return element("section", element("h2", "Real images"), picture, class_="panel")


def _over_time(shown: _Shown, row: LabelRow) -> Html | None:
    """Return the distance and coverage of a label over the run, as a diagram with a table behind it."""
    scores = (
        history_of(shown.run, row.name) if len(shown.facts.blocks) == 1 and shown.facts.names_classes else []
    )
    if len(scores) < 2:
        return None
    targets = [
        Target(each.step, each.title, address(f"/labels/{row.index}", checkpoint=each.name))
        for each in shown.run.checkpoints
        if each.step is not None
    ]
    figures: list[Html] = []
    for name in ("distance", "coverage"):
        points = [(each.step, getattr(each, name)) for each in scores if getattr(each, name) is not None]
        if len(points) < 2:
            continue
        steps, values = zip(*points, strict=True)
        curve = Curve(
            f"label-{name}",
            f"{name.capitalize()} of {_title(shown, row)}",
            (Series(name, name, steps, values),),
        )
        rows = [[f"{step:,}", f"{value:.5g}"] for step, value in points]
        figures.append(
            element(
                "section",
                element("h2", curve.title),
                diagram(curve, (), targets, max(steps)),
                element(
                    "details", element("summary", f"Table of {len(rows)} steps"), table(["step", name], rows)
                ),
                class_="panel curve",
                id=f"curve-{curve.name}",
            )
        )
    return element("div", figures, class_="curves")


def _pages(shown: _Shown, page: int, pages: int, order: str) -> Html | None:
    if pages < 2:
        return None
    links = [
        element("a", text, href=address("/labels", **shown.query(order=order, page=number)), rel=rel)
        for number, text, rel in ((page - 1, "Previous labels", "prev"), (page + 1, "Next labels", "next"))
        if 1 <= number <= pages
    ]
    return element("nav", f"Page {page} of {pages}", links, class_="pages", aria_label="Pages of labels")


def _address(shown: _Shown, index: int) -> str:
    return address(f"/labels/{index}", **shown.query())


def _all(shown: _Shown) -> str:
    return address("/labels", **shown.query())
