"""Page that shows one seed over all checkpoints of a run: a film of one label, or a row for every label."""

from __future__ import annotations

from collections.abc import Sequence

from everymode.explorer.catalog import Checkpoint, Run
from everymode.explorer.controls import (
    checkpoint_control,
    form,
    label_controls,
    text_field,
    truncation_control,
)
from everymode.explorer.encoding import fits_in_one
from everymode.explorer.grid import View, grid_style, image_address, sample_address
from everymode.explorer.images import truncation_of
from everymode.explorer.labels import Label, parsed_label, requested_labels
from everymode.explorer.markup import Html, element, joined
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import Page
from everymode.explorer.site import Site

__all__ = ["history"]

ALL = "all"
"""Value of `label` for a row of every label."""
MOST_LABELS = 20
"""Most labels for which a row of every label is the default."""
FEW = 4
"""Fewer checkpoints are no history."""


def history(site: Site, parameters: Parameters) -> Page:
    """Return the page of one label, or of all, at one seed over all checkpoints of a run."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    seed, truncation = parameters.whole("seed", 0), truncation_of(parameters)
    run = site.catalog.run(checkpoint.run)
    listed = len(facts.blocks) == 1 and not facts.needs_data
    few = listed and len(facts.blocks[0].labels) <= MOST_LABELS
    every = listed and parameters.text("label", ALL if few else "0") == ALL
    label = None if every else parsed_label(parameters, facts)
    controls = form(
        "/history",
        checkpoint_control(site, checkpoint),
        label_controls(parameters, facts, label, more=[(ALL, "all")] if listed else []),
        text_field("Seed", "seed", str(seed), "seed-input"),
        truncation_control(truncation),
    )
    view = View(checkpoint, facts, truncation)
    style = ""
    if label is not None:
        shown = _film(run, view, label, seed)
    else:
        labels = requested_labels(
            Parameters({"labels": f"0-{min(len(facts.blocks[0].labels), 64) - 1}"}), facts
        )
        shown = _table(run, view, labels, seed)
        style = grid_style(len(labels), facts.size) + f"#grid{{--columns:{len(run.checkpoints)}}}"
    body = joined(controls, element("div", _note(run), shown, id="view"))
    subject = f"all {len(facts.blocks[0].labels)} labels" if label is None else label.title(facts)
    status = f"{subject}, seed {seed}, over {len(run.checkpoints)} checkpoints of {run.name}"
    return Page("History", body, status, "/history", style)


def _film(run: Run, view: View, label: Label, seed: int) -> Html:
    """Return the images of one label, a frame for each checkpoint."""
    height, width = view.facts.size
    frames = []
    for each in run.checkpoints:
        own = view._replace(checkpoint=each)
        image = element(
            "img",
            src=image_address(own, label, seed),
            alt=f"{view.alternative(label, seed)}, {each.title}",
            width=width,
            height=height,
            class_=f"frame{' pixels' if max(height, width) <= 64 else ''}",
        )
        frames.append(
            element(
                "li",
                element("a", image, href=sample_address(own, label, seed)),
                element("span", each.title),
                id=f"step-{each.step}",
                aria_current="true" if each.name == view.checkpoint.name else None,
            )
        )
    return element("ol", frames, class_="film", tabindex="0", aria_label=f"checkpoints of {run.name}")


def _table(run: Run, view: View, labels: Sequence[Label], seed: int) -> Html:
    """Return a grid with a row for each label and a column for each checkpoint, whose tiles are in one file."""
    height, width = view.facts.size
    heads = [
        element(
            "span",
            "?" if each.step is None else f"{each.step:,}",
            role="columnheader",
            id=f"step-{each.step}",
            aria_current="true" if each.name == view.checkpoint.name else None,
        )
        for each in run.checkpoints
    ]
    together = fits_in_one(len(labels), (height, width))
    rows = [
        element("div", element("span", "step", role="columnheader"), heads, role="row", class_="row heads")
    ]
    for index, label in enumerate(labels):
        cells = []
        for each in run.checkpoints:
            own = view._replace(checkpoint=each)
            column = _column_address(each, seed, len(labels), view)
            image = element(
                "img",
                src=column if together else image_address(own, label, seed),
                alt=f"{view.alternative(label, seed)}, {each.title}",
                width=width,
                height=height,
                decoding="async",
                class_=f"tile c{index}",
            )
            cells.append(
                element("div", element("a", image, href=sample_address(own, label, seed)), role="gridcell")
            )
        head = element("span", label.short(view.facts), role="rowheader")
        rows.append(element("div", head, cells, role="row", class_="row", id=f"strip-{label.text}"))
    title = f"Seed {seed} by {view.facts.word} and step"
    inner = element("div", rows, role="grid", aria_label=title, class_="grid", id="grid")
    return element("div", inner, class_="scroller")


def _column_address(checkpoint: Checkpoint, seed: int, labels: int, view: View) -> str:
    path = f"/column/{checkpoint.name}/{seed}.webp"
    return address(path, labels=f"0-{labels - 1}", truncation=view.truncation_text)


def _note(run: Run) -> Html | None:
    """Return a note if a run has no history."""
    count = len(run.checkpoints)
    if count >= FEW:
        return None
    stored = "one checkpoint is" if count == 1 else f"{count} checkpoints are"
    return element(
        "p",
        f"Only {stored} stored, so there is not much to see. Train with ",
        element("code", "--keep-history 20"),
        " to see when a label appeared or collapsed.",
        class_="notice",
    )
