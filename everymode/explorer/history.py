"""Page that shows one seed over all checkpoints of a run, as a film strip."""

from __future__ import annotations

from everymode.explorer.controls import (
    checkpoint_control,
    form,
    label_controls,
    text_field,
    truncation_control,
)
from everymode.explorer.grid import View, image_address, sample_address
from everymode.explorer.images import truncation_of
from everymode.explorer.labels import parsed_label
from everymode.explorer.markup import Content, element, joined
from everymode.explorer.parameters import Parameters
from everymode.explorer.replies import Page
from everymode.explorer.site import Site

__all__ = ["history"]

FEW = 4
"""Fewer checkpoints are no history."""


def history(site: Site, parameters: Parameters) -> Page:
    """Return the page of one label and seed over all checkpoints of a run."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    label, seed = parsed_label(parameters, facts), parameters.whole("seed", 0)
    truncation = truncation_of(parameters)
    run = site.catalog.run(checkpoint.run)
    controls = form(
        "/history",
        checkpoint_control(site, checkpoint),
        label_controls(parameters, facts, label),
        text_field("Seed", "seed", str(seed), "seed-input"),
        truncation_control(truncation),
    )
    height, width = facts.size
    frames = []
    for each in run.checkpoints:
        view = View(each, facts, truncation)
        image = element(
            "img",
            src=image_address(view, label, seed),
            alt=f"{view.alternative(label, seed)}, {each.title}",
            width=width,
            height=height,
            class_=f"frame{' pixels' if max(height, width) <= 64 else ''}",
        )
        frames.append(
            element(
                "li",
                element("a", image, href=sample_address(view, label, seed)),
                element("span", each.title),
                id=f"step-{each.step}",
                aria_current="true" if each.name == checkpoint.name else None,
            )
        )
    note: Content = None
    if len(run.checkpoints) < FEW:
        count = len(run.checkpoints)
        stored = "one checkpoint is" if count == 1 else f"{count} checkpoints are"
        note = element(
            "p",
            f"Only {stored} stored: this run was trained without a history. ",
            "Train with ",
            element("code", "--keep-history 20"),
            " to see when a label appeared or collapsed.",
            class_="notice",
        )
    film = element("ol", frames, class_="film", tabindex="0", aria_label=f"checkpoints of {run.name}")
    body = joined(controls, element("div", note, film, id="view"))
    status = f"{label.title(facts)}, seed {seed}, over {len(run.checkpoints)} checkpoints of {run.name}"
    return Page("History", body, status, "/history")
