"""Pages of the labels of a checkpoint: all classes or clusters, the worst first, and one of them."""

from __future__ import annotations

from collections.abc import Sequence

from everymode.explorer.commands import command_details, evaluate_command
from everymode.explorer.controls import checkpoint_control, form, select
from everymode.explorer.curves import Curve, Series
from everymode.explorer.diagram import DIAGRAM_STYLE, Target, diagram
from everymode.explorer.grid import grid, grid_style
from everymode.explorer.label_table import (
    LabelRow,
    LabelTable,
    history_of,
    problems_first,
    table_of,
)
from everymode.explorer.label_views import (
    LABEL_STYLE,
    SHOWN,
    Members,
    Shown,
    address_of,
    label_row,
    members_on,
    members_shown,
    numbers,
    real_row,
    title_of,
)
from everymode.explorer.markup import Content, Html, element, table
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import File, Page, json_file
from everymode.explorer.site import Site

__all__ = ["labels", "labels_json", "one_label"]

ROWS = 20
"""Labels of a page."""
ORDERS = (("problems", "empty and starved first"), ("index", "by number"), ("count", "largest first"))


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
    members = members_on(shown)
    listed = [label_row(shown, row, members) for row in some]
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
    return Page("Labels", Html(controls + body), status, "/labels", LABEL_STYLE)


def one_label(site: Site, parameters: Parameters) -> Page:
    """Return the page of one label: its numbers, real images beside samples, and its distance over the run."""
    shown = _shown(site, parameters)
    if isinstance(shown, Page):
        return shown
    count = len(shown.table.rows)
    row = shown.table.rows[parameters.whole("label", least=0, most=count - 1)]
    label, seeds = shown.label(row.index), tuple(range(SHOWN))
    members = members_on(shown)
    around = [
        element(
            "a", f"{shown.view.facts.blocks[shown.block].labels[index]} {text}", href=address_of(shown, index)
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
        element("section", numbers(shown, row), class_="panel", id=f"label-row-{row.index}"),
        samples,
        element("section", element("h2", "Real images"), real_row(shown, row, members), class_="panel"),
        _over_time(shown, row),
        element("p", *[(link, " ") for link in around], element("a", "All labels", href=_all(shown))),
    ]
    controls = form(f"/labels/{row.index}", _block_control(shown), checkpoint_control(site, shown.checkpoint))
    style = LABEL_STYLE + DIAGRAM_STYLE + grid_style(len(seeds), shown.facts.size)
    style += grid_style(max(1, len(members_shown(shown, row, members))), shown.facts.size, "#real-grid")
    status = f"{title_of(shown, row)} of {shown.run.name}, {shown.checkpoint.title}"
    body = Html(controls + element("div", parts, id="view"))
    return Page(title_of(shown, row).capitalize(), body, status, "/labels", style)


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


def _shown(site: Site, parameters: Parameters) -> Shown | Page:
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
    return Shown(run, checkpoint, facts, block, table_of(run, checkpoint, facts, block), data)


def _ordered(shown: LabelTable, order: str) -> Sequence[LabelRow]:
    if order == "index":
        return shown.rows
    if order == "count":
        return sorted(shown.rows, key=lambda row: (-(row.count or 0), row.index))
    return problems_first(shown)


def _order(current: str) -> Html:
    return select("Order", "order", "order-select", ORDERS, current)


def _block_control(shown: Shown) -> Html | None:
    if len(shown.facts.blocks) == 1:
        return None
    options = [(str(index), block.name) for index, block in enumerate(shown.facts.blocks)]
    return select("Kind of label", "block", "block-select", options, str(shown.block))


def _summary(shown: Shown) -> Html:
    table, rows = shown.table, shown.table.rows
    word = shown.facts.blocks[shown.block].name
    empty = sum(row.empty for row in rows)
    starved = sum(table.starved(row) for row in rows)
    pieces = [f"{len(rows)} labels ({word})"]
    if any(row.count is not None for row in rows):
        pieces.append(f"{empty} empty")
        pieces.append(f"{starved} with less than a tenth of an equal share")
    if table.scored is not None:
        step = table.scored.card.step
        at = "" if step is None else f" at step {step:,}"
        pieces.append(f"distances {table.distances} from the score card{at}")
    if table.clustered is not None:
        pieces.append(f"distances {table.distances} and purity from the report of step {table.clustered:,}")
    return element("p", "; ".join(pieces) + ".", class_="lead")


def _notices(shown: Shown, members: Members) -> Html | None:
    """Return what is missing and how to get it: scores, training images, members of clusters."""
    notes: list[Content] = []
    table, single = shown.table, len(shown.facts.blocks) == 1
    if single and shown.facts.names_classes:
        if table.scored is None:
            text = "No score card has distances per class yet."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
        elif table.scored.card.step != shown.checkpoint.step:
            text = "The newest score card with distances per class is of another step than this checkpoint."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
        elif all(row.coverage is None for row in table.rows):
            text = "The score card has no coverage per class: an earlier version wrote it, or a class has few images."
            notes.append((element("p", text), evaluate_command(shown.run, shown.checkpoint)))
    elif single and (table.clustered is None or not table.distances):
        text = "Distances, coverages and the agreement with classes of the data are not known yet."
        path = str(shown.run.path)
        notes.append((element("p", text), command_details("clusters", [path, "--distances=100"])))
    if shown.facts.points:
        notes.append(
            element("p", "This generator draws points in the plane, so there are no pictures of members.")
        )
    elif shown.data.state == "waiting":
        text = f"Real images are not shown yet: {shown.data.reason}. This page loads itself again every 3 seconds."
        notes.append((element("p", text), element("meta", http_equiv="refresh", content="3")))
    elif shown.data.state == "refused":
        notes.append(element("p", f"Real images are not shown: {shown.data.reason}."))
    elif not shown.data.fits:
        text = (
            f"Real images are not shown: the data of --data is not that on which {shown.run.name} was trained (its "
            "fingerprint differs)."
        )
        notes.append(element("p", text))
    elif members.labels is None:
        notes.append(element("p", "Real images are not shown: no checkpoint holds the label of each image."))
    elif members.step is not None and members.step != shown.checkpoint.step:
        text = f"The members are those of step {members.step:,}; this checkpoint no longer has its own."
        notes.append(element("p", text))
    return element("div", notes, class_="notice") if notes else None


def _over_time(shown: Shown, row: LabelRow) -> Html | None:
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
            f"{name.capitalize()} of {title_of(shown, row)}",
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


def _pages(shown: Shown, page: int, pages: int, order: str) -> Html | None:
    if pages < 2:
        return None
    links = [
        element("a", text, href=address("/labels", **shown.query(order=order, page=number)), rel=rel)
        for number, text, rel in ((page - 1, "Previous labels", "prev"), (page + 1, "Next labels", "next"))
        if 1 <= number <= pages
    ]
    return element("nav", f"Page {page} of {pages}", links, class_="pages", aria_label="Pages of labels")


def _all(shown: Shown) -> str:
    return address("/labels", **shown.query())
