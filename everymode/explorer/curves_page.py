"""Page of the training curves of a run, and the same numbers as JSON."""

from __future__ import annotations

from everymode.data.words import counted
from everymode.explorer.catalog import Run
from everymode.explorer.controls import form, select
from everymode.explorer.curves import Curve, Event, curves_of, events_of
from everymode.explorer.diagram import DIAGRAM_STYLE, Target, diagram, nearest
from everymode.explorer.markup import Content, Html, element, table
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import File, Missing, Page, json_file
from everymode.explorer.site import Site

__all__ = ["curves", "curves_json"]

MOST_ROWS = 100
"""Most rows of the table behind a diagram."""
MOST_EVENTS = 200
"""Most events that are listed and drawn."""
MOST_CURVES = 60
"""Most diagrams of a page."""
MOST_IN_JSON = 20_000
"""Most values of a line in the JSON."""


def curves(site: Site, parameters: Parameters) -> Page:
    """Return the page of a run's training curves."""
    run = _run_of(site, parameters)
    complete, all_events = curves_of(run.path), events_of(run.path)
    found, events = complete[:MOST_CURVES], all_events[-MOST_EVENTS:]
    targets = [
        Target(each.step, f"{each.title}", address("/samples", checkpoint=each.name))
        for each in run.checkpoints
        if each.step is not None
    ]
    last = max(
        (step for curve in found for series in curve.series for step in series.steps[-1:]),
        default=0,
    )
    options = [(each.name, each.name) for each in site.catalog.runs if each.config]
    controls = form("/curves", select("Run", "run", "run-select", options, run.name), live=False)
    parts: list[Content] = [controls, _history_note(run)]
    if not found:
        parts.append(
            element("p", f"{run.name} has no log yet: reload this page after the first tick of training.")
        )
    else:
        parts.append(_contents(found))
    parts.append(element("div", [_figure(curve, events, targets, last) for curve in found], class_="curves"))
    parts.append(_events(events, targets))
    lines = sum(len(curve.series) for curve in found)
    if len(found) < len(complete) or len(events) < len(all_events):
        text = (
            f"Shown are the first {len(found)} of {len(complete)} diagrams and the last {len(events)} of "
            f"{len(all_events)} events; /api/curves.json has all of them."
        )
        parts.insert(1, element("p", text, class_="notice"))
    counts = counted(lines, "curve"), counted(len(found), "diagram"), counted(len(events), "event")
    status = f"{counts[0]} in {counts[1]}, {counts[2]}, up to step {last:,}"
    return Page(
        f"Curves of {run.name}", element("div", parts, id="view"), status, "/curves", style=DIAGRAM_STYLE
    )


def curves_json(site: Site, parameters: Parameters) -> File:
    """Return the curves and events of a run as JSON; a value that is not finite is null."""
    run = _run_of(site, parameters)
    return json_file(
        {
            "run": run.name,
            "checkpoints": [{"checkpoint": each.name, "step": each.step} for each in run.checkpoints],
            "curves": [
                {
                    "name": curve.name,
                    "title": curve.title,
                    "series": [
                        {
                            "name": series.name,
                            "steps": list(series.steps[-MOST_IN_JSON:]),
                            "values": list(series.values[-MOST_IN_JSON:]),
                            "omitted": max(0, len(series.steps) - MOST_IN_JSON),
                        }
                        for series in curve.series
                    ],
                }
                for curve in curves_of(run.path)
            ],
            "events": [
                {"step": event.step, "kind": event.kind, "text": event.text} for event in events_of(run.path)
            ],
        }
    )


def _run_of(site: Site, parameters: Parameters) -> Run:
    """Return the run of the parameter `run`, else of the checkpoint, else the first one that has records."""
    if parameters.has("run"):
        return site.catalog.run(parameters.text("run"))
    if parameters.has("checkpoint"):
        return site.catalog.run(site.catalog.checkpoint(parameters.text("checkpoint")).run)
    runs = [run for run in site.catalog.runs if run.config]
    if not runs:
        raise Missing("None of the runs has records: the page Runs has the reasons.")
    return runs[0]


def _history_note(run: Run) -> Html:
    count = len([each for each in run.checkpoints if each.step is not None])
    text = f"A click in a diagram leads to the nearest of {count} checkpoints, which are marked on the axis."
    if not (run.path / "history").is_dir():
        text += (
            " This run has no history: it was trained without --keep-history, by an earlier version, or it is short, "
            "so only its last and best checkpoints are there."
        )
    if count == 0:
        text = "This run has no checkpoint that can be shown, so the diagrams have no links."
    return element("p", text, class_="lead")


def _contents(found: list[Curve]) -> Html:
    links = [element("li", element("a", curve.title, href=f"#curve-{curve.name}")) for curve in found]
    return element("details", element("summary", counted(len(found), "diagram")), element("ul", links))


def _figure(curve: Curve, events: list[Event], targets: list[Target], last: int) -> Html:
    note = element("p", curve.note, class_="note") if curve.note else None
    return element(
        "section",
        element("h2", curve.title),
        note,
        diagram(curve, events, targets, last),
        _table(curve, targets),
        class_="curve panel",
        id=f"curve-{curve.name}",
    )


def _table(curve: Curve, targets: list[Target]) -> Html:
    """Return the numbers of a diagram; every n-th step of long ones, and the last."""
    steps = sorted({step for series in curve.series for step in series.steps})
    stride = -(-len(steps) // MOST_ROWS)
    shown = steps[:: max(1, stride)]
    if steps and shown[-1] != steps[-1]:
        shown.append(steps[-1])
    columns = [dict(zip(series.steps, series.values, strict=True)) for series in curve.series]
    rows: list[list[Content]] = []
    for step in shown:
        target = nearest(targets, step)
        link = element("a", target.title, href=target.address) if target else "none"
        rows.append([f"{step:,}", *(_cell(column, step) for column in columns), link])
    part = f", one of {stride}" if stride > 1 else ""
    caption = f"{curve.title}: {len(shown)} of {len(steps)} steps{part}"
    heads = ["step", *(series.title for series in curve.series), "nearest checkpoint"]
    return element(
        "details",
        element("summary", f"Table of {len(shown)} steps{part}"),
        element("div", table(heads, rows, caption=caption), class_="scroller", tabindex="0"),
    )


def _cell(column: dict[int, float | None], step: int) -> str:
    if step not in column:
        return ""
    value = column[step]
    return "not finite" if value is None else f"{value:.5g}"


def _events(events: list[Event], targets: list[Target]) -> Html:
    if not events:
        text = "No alarm, warning, re-clustering or change of settings was recorded."
        return element("section", element("h2", "Events"), element("p", text), id="events", class_="panel")
    rows: list[list[Content]] = []
    for event in events:
        target = nearest(targets, event.step)
        link = element("a", target.title, href=target.address) if target else "none"
        rows.append([f"{event.step:,}", event.kind, event.text, link])
    listed = table(["step", "kind", "event", "nearest checkpoint"], rows, caption="Events by step")
    scroller = element("div", listed, class_="scroller", tabindex="0")
    return element("section", element("h2", "Events"), scroller, id="events", class_="panel")
