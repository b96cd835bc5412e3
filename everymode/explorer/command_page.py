"""Page of the command and the lines of Python that draw what another page shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from everymode.explorer.commands import Drawn, python_lines, sample_lines
from everymode.explorer.images import size_of, truncation_of
from everymode.explorer.labels import Label, parsed_label, requested_labels
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import Parameters
from everymode.explorer.replies import Page, Refused
from everymode.explorer.site import Site

__all__ = ["command", "drawn_of"]

MOST_VIEW = 380
"""Longest address of a view, in characters."""
_ALLOWED = "the address of a page with generated images, such as /samples?labels=0-9"


def command(site: Site, parameters: Parameters) -> Page:
    """Return the page of the command that draws what is on the page `view`.

    Raises:
        Refused: if the view is no page with generated images.
        Missing: if its checkpoint doesn't exist.
    """
    view = parameters.text("view", allowed=_ALLOWED)
    drawn = drawn_of(site, view)
    back = element("a", "Back to the page", href=view)
    note = _note(drawn)
    parts: list[Html | None] = [element("p", note, class_="notice") if note else None]
    if not any(facts.needs_data for facts in drawn.facts):
        parts += [
            _block("On the command line", "command-line", _or_reason(lambda: sample_lines(drawn))),
            _block("In Python", "command-python", python_lines(drawn)),
        ]
    count = len(drawn.labels) * len(drawn.seeds) * len(drawn.checkpoints) * len(drawn.sizes)
    status = f"{count} images"
    body = element("div", parts, element("p", back), id="view")
    return Page("Command", body, status, urlsplit(view).path)


def drawn_of(site: Site, view: str) -> Drawn:
    """Return the images on a page.

    Args:
        site: the explorer's state.
        view: the page's address, a path with its query.

    Raises:
        Refused: if it is no page with generated images, or a value in it is not allowed.
        Missing: if its checkpoint doesn't exist.
    """
    try:
        split = urlsplit(view)
        query = dict(parse_qsl(split.query, max_num_fields=40))
    except ValueError as error:
        raise Refused("view", view, _ALLOWED) from error
    if len(view) > MOST_VIEW or split.scheme or split.netloc or not view.startswith("/"):
        raise Refused("view", view, _ALLOWED)
    path, label = unquote(split.path), re.fullmatch(r"/labels/([0-9]{1,9})", unquote(split.path))
    values = Parameters(query, {"label": label[1]} if label else None)
    if label or path == "/labels":
        return _labels(site, values, single=label is not None)
    pages: dict[str, Callable[[Site, Parameters], Drawn]] = {
        "/samples": _grid,
        "/sample": _one,
        "/nearest": _one,
        "/history": _history,
        "/compare": _compare,
        "/sizes": _sizes,
    }
    if path not in pages:
        raise Refused("view", view, _ALLOWED)
    return pages[path](site, values)


def _grid(site: Site, values: Parameters) -> Drawn:
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    labels, seeds = requested_labels(values, facts), values.seeds()
    return Drawn(
        (checkpoint,), (facts,), tuple(labels), seeds, truncation_of(values), (size_of(values, facts),)
    )


def _one(site: Site, values: Parameters) -> Drawn:
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    label, seed = parsed_label(values, facts), values.whole("seed", 0)
    size = size_of(values, facts)
    return Drawn((checkpoint,), (facts,), (label,), (seed,), truncation_of(values), (size,))


def _history(site: Site, values: Parameters) -> Drawn:
    one = _one(site, values)
    run = site.catalog.run(one.checkpoints[0].run)
    facts = tuple(site.facts(each) for each in run.checkpoints)
    return Drawn(run.checkpoints, facts, one.labels, one.seeds, one.truncation, one.sizes)


def _compare(site: Site, values: Parameters) -> Drawn:
    left = site.checkpoint(values, "left")
    right = site.checkpoint(values, "right") if values.has("right") else left
    facts = site.facts(left)
    labels = requested_labels(values, facts)
    checkpoints = (left, right)
    both = tuple(site.facts(each) for each in checkpoints)
    return Drawn(checkpoints, both, tuple(labels), values.seeds(), truncation_of(values))


def _sizes(site: Site, values: Parameters) -> Drawn:
    one = _one(site, values)
    facts = one.facts[0]
    native = f"{facts.size[0]}x{facts.size[1]}"
    sizes = tuple(values.sizes("sizes", native)) if facts.any_size else (None,)
    return Drawn(one.checkpoints, one.facts, one.labels, one.seeds, one.truncation, sizes)


def _labels(site: Site, values: Parameters, *, single: bool) -> Drawn:
    """Return the samples of the pages of labels: of one label, or of all of them in order."""
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    if facts.needs_data or not facts.blocks:
        raise Refused("view", "/labels", "a checkpoint whose generator has labels")
    block = values.whole("block", 0, most=len(facts.blocks) - 1)
    count = len(facts.blocks[block].labels)
    rows = [values.whole("label", most=count - 1)] if single else list(range(min(count, 64)))
    labels = []
    for row in rows:
        chosen = [-1] * len(facts.blocks)
        chosen[block] = row
        labels.append(Label(tuple(chosen)))
    return Drawn((checkpoint,), (facts,), tuple(labels), tuple(range(8)))


def _or_reason(make: Callable[[], str]) -> str:
    try:
        return make()
    except ValueError as error:
        return f"# no command: {error}"


def _note(drawn: Drawn) -> str:
    """Return what the reader must know: data, or a recipe that only the user can name."""
    if any(facts.needs_data for facts in drawn.facts):
        return (
            "These images are drawn from label maps or pictures: everymode translate and everymode upscale draw them "
            "from files."
        )
    if any("own" in facts.config.get("recipe", {}) for facts in drawn.facts):
        return "This run has a custom recipe: add --recipe FILE.py, or everymode.load(path, recipe=RECIPE)."
    return ""


def _block(title: str, id_: str, text: str) -> Html:
    code = element("pre", element("code", text), id=id_, tabindex="0")
    return element("section", element("h2", title), code, class_="panel")
