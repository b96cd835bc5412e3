"""First page: runs, their checkpoints, scores and last samples; the same as JSON."""

from __future__ import annotations

from contextlib import suppress

from everymode.explorer.cards import newest_of, score_list
from everymode.explorer.catalog import Run
from everymode.explorer.markup import Content, Html, element, joined
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import File, Missing, Page, json_file
from everymode.explorer.site import Site

__all__ = ["home", "last_picture", "runs_json", "worker_json"]

MOST_BYTES = 2**24
"""Largest picture of samples that is shown."""


def home(site: Site, parameters: Parameters) -> Page:
    """Return the page of all runs."""
    runs = site.catalog.runs
    shown = [run for run in runs if not run.reason]
    body = element("div", [_card(run) for run in runs], class_="cards", id="view")
    status = f"{len(shown)} of {len(runs)} runs can be shown" if len(shown) < len(runs) else _count(len(runs))
    return Page("Runs", body, status, "/")


def runs_json(site: Site, parameters: Parameters) -> File:
    """Return the runs and their checkpoints as JSON."""
    return json_file(
        [
            {
                "run": run.name,
                "recipe": run.recipe,
                "state": run.state,
                "reason": run.reason or None,
                "checkpoints": [{"checkpoint": each.name, "step": each.step} for each in run.checkpoints],
            }
            for run in site.catalog.runs
        ]
    )


def worker_json(site: Site, parameters: Parameters) -> File:
    """Return what the worker has drawn since the start, as JSON."""
    worker = site.worker
    return json_file({"drawn": worker.drawn, "passes": worker.passes, "waiting": worker.waiting})


def last_picture(site: Site, parameters: Parameters) -> File:
    """Return the newest picture of samples that the training of a run has written.

    Raises:
        Missing: if there is none.
    """
    run = site.catalog.run(parameters.text("run"))
    picture, content = run.last_sample, b""
    with suppress(OSError):  # training has deleted it in the meantime
        if picture is not None and picture.stat().st_size <= MOST_BYTES:
            content = picture.read_bytes()
    if not content:
        raise Missing(f"{run.name} has no picture of samples.")
    return File(content, "image/png", headers={"Cache-Control": "private, no-cache"})


def _count(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _card(run: Run) -> Html:
    title = element("h2", run.name)
    if run.reason:
        reason = element("p", element("strong", "Can't be shown: "), run.reason, class_="reason")
        return element("article", title, reason, class_="card broken", id=f"run-{run.name}")
    assert run.newest is not None
    address_of_samples = address("/samples", checkpoint=run.newest.name)
    picture: Content = None
    if run.last_sample is not None:
        image = element(
            "img",
            src=address("/picture/last", run=run.name),
            alt=f"samples of {run.name}, drawn by training at its last snapshot",
            loading="lazy",
            class_="last",
        )
        picture = element("a", image, href=address_of_samples, class_="picture")
    facts = [("recipe", run.recipe), ("data", run.data), ("state", _state(run))]
    listed = element(
        "dl", *((element("dt", name), element("dd", text)) for name, text in facts if text), class_="facts"
    )
    links = [
        element("li", element("a", each.title, href=address("/samples", checkpoint=each.name)))
        for each in reversed(run.checkpoints)
    ]
    checkpoints = joined(element("h3", "Checkpoints"), element("ul", links, class_="checkpoints"))
    open_ = element("a", "Open samples", href=address_of_samples, class_="button")
    return element(
        "article",
        picture,
        element("div", title, listed, score_list(newest_of(run)), checkpoints, open_, class_="text"),
        class_="card",
        id=f"run-{run.name}",
    )


def _state(run: Run) -> str:
    step, steps = run.status.get("step"), run.status.get("steps")
    if isinstance(step, int) and isinstance(steps, int):
        return f"{run.state}, step {step:,} of {steps:,}"
    return run.state
