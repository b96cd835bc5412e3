"""Page of the command and the lines of Python that draw what another page shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.commands import Drawn, Walk, python_lines, sample_lines, walk_lines
from everymode.explorer.comparing import sides_of
from everymode.explorer.facts import Facts
from everymode.explorer.history import ALL
from everymode.explorer.history import MOST_LABELS as MOST_IN_HISTORY
from everymode.explorer.images import MOST_STEPS, ends_of, size_of, truncation_of
from everymode.explorer.label_views import SHOWN
from everymode.explorer.labels import label_in, parsed_label, requested_labels
from everymode.explorer.markup import Html, element
from everymode.explorer.parameters import Parameters
from everymode.explorer.replies import Page, Refused
from everymode.explorer.site import Site
from everymode.explorer.sizes import default_sizes

__all__ = ["VIEWS", "command", "drawn_of", "has_command"]

VIEWS = ("/samples", "/sample", "/nearest", "/history", "/compare", "/sizes", "/labels", "/interpolate")
"""Pages with generated images."""

MOST_VIEW = 380
"""Longest address of a view, in characters."""
MOST_LABELS = 64
"""Labels of the command for the page of all labels."""
SEEDS = tuple(range(SHOWN))
STYLE = "pre{white-space:pre-wrap;overflow-wrap:anywhere}"
_ALLOWED = "the address of a page with generated images, such as /samples?labels=0-9"


def command(site: Site, parameters: Parameters) -> Page:
    """Return the page of the command that draws what is on the page `view`.

    Raises:
        Refused: if the view is no page with generated images.
        Missing: if its checkpoint doesn't exist.
    """
    view = parameters.text("view", allowed=_ALLOWED)
    path, values = _parsed(view)
    if path == "/interpolate":
        return _walk_page(site, values, view)
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
    return Page("Command", body, status, urlsplit(view).path, STYLE)


def has_command(path: str, address: str) -> bool:
    """Return whether the page at an address has a command: it shows generated images."""
    return len(address) <= MOST_VIEW and (path in VIEWS or path.startswith("/labels/"))


def drawn_of(site: Site, view: str) -> Drawn:
    """Return the images on a page.

    Args:
        site: the explorer's state.
        view: the page's address, a path with its query.

    Raises:
        Refused: if it is no page with generated images, or a value in it is not allowed.
        Missing: if its checkpoint doesn't exist.
    """
    path, values = _parsed(view)
    pages: dict[str, Callable[[Site, Parameters], Drawn]] = {
        "/samples": _grid,
        "/sample": _one,
        "/nearest": _one,
        "/history": _history,
        "/compare": _compare,
        "/sizes": _sizes,
        "/labels": _labels,
        "/labels/": _label,
    }
    if path not in pages:
        raise Refused("view", view, _ALLOWED)
    return pages[path](site, values)


def _parsed(view: str) -> tuple[str, Parameters]:
    """Return path and parameters of an address; the path of one label's page is /labels/.

    Raises:
        Refused: if it is no address of this explorer.
    """
    try:
        split = urlsplit(view)
        query = dict(parse_qsl(split.query, max_num_fields=40))
    except ValueError as error:
        raise Refused("view", view, _ALLOWED) from error
    path = unquote(split.path)
    if len(view) > MOST_VIEW or split.scheme or split.netloc or not view.startswith("/"):
        raise Refused("view", view, _ALLOWED)
    if label := re.fullmatch(r"/labels/([0-9]{1,9})", path):
        return "/labels/", Parameters(query, {"label": label[1]})
    return path, Parameters(query)


def _walk_page(site: Site, values: Parameters, view: str) -> Page:
    """Return the page of the lines that draw an interpolation."""
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    if facts.points or facts.needs_data:
        raise Refused("view", view, _ALLOWED)
    labels = requested_labels(Parameters(), facts)
    ends = (
        ends_of(values, facts, "from", f"{labels[0].text}:0"),
        ends_of(values, facts, "to", f"{labels[-1].text}:1"),
    )
    steps = values.whole("steps", 9, least=2, most=MOST_STEPS)
    spherical = values.choice("path", "line", ("line", "sphere")) == "sphere"
    walk = Walk(*ends, steps, truncation_of(values), spherical)
    note = (
        "No command draws these images: everymode sample --interpolate draws a closed walk as an animation."
    )
    body = element(
        "div",
        element("p", note, class_="notice"),
        _block("In Python", "command-python", walk_lines(checkpoint, facts, walk)),
        element("p", element("a", "Back to the page", href=view)),
        id="view",
    )
    return Page("Command", body, f"{steps} images", "/interpolate", STYLE)


def _grid(site: Site, values: Parameters) -> Drawn:
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    labels = requested_labels(values, facts)
    seeds = values.seeds(default="0,500" if facts.points else "0-7")
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
    checkpoint = site.checkpoint(values)
    facts, run = site.facts(checkpoint), site.catalog.run(checkpoint.run)
    listed = len(facts.blocks) == 1 and not facts.needs_data
    default = ALL if listed and len(facts.blocks[0].labels) <= MOST_IN_HISTORY else "0"
    if listed and values.text("label", default) == ALL:
        count = min(len(facts.blocks[0].labels), MOST_LABELS)
        labels = tuple(label_in(facts, 0, row) for row in range(count))
    else:
        labels = (parsed_label(values, facts),)
    seed = values.whole("seed", 0)
    return Drawn(run.checkpoints, (facts,) * len(run.checkpoints), labels, (seed,), truncation_of(values))


def _compare(site: Site, values: Parameters) -> Drawn:
    left, right = sides_of(site, values)
    facts = site.facts(left)
    labels, seeds = requested_labels(values, facts), values.seeds(default="0-3", most=16)
    return Drawn((left, right), (facts, site.facts(right)), tuple(labels), seeds, truncation_of(values))


def _sizes(site: Site, values: Parameters) -> Drawn:
    one = _one(site, values)
    facts = one.facts[0]
    if not facts.any_size:
        return one
    sizes = tuple(None if size == facts.size else size for size in values.sizes(default=default_sizes(facts)))
    return Drawn(one.checkpoints, one.facts, one.labels, one.seeds, one.truncation, sizes)


def _labels(site: Site, values: Parameters) -> Drawn:
    """Return the samples of the page of all labels, in order."""
    checkpoint, facts, block = _block_of(site, values)
    rows = range(min(len(facts.blocks[block].labels), MOST_LABELS))
    labels = tuple(label_in(facts, block, row) for row in rows)
    return Drawn((checkpoint,), (facts,), labels, SEEDS)


def _label(site: Site, values: Parameters) -> Drawn:
    """Return the samples of the page of one label."""
    checkpoint, facts, block = _block_of(site, values)
    row = values.whole("label", most=len(facts.blocks[block].labels) - 1)
    return Drawn((checkpoint,), (facts,), (label_in(facts, block, row),), SEEDS)


def _block_of(site: Site, values: Parameters) -> tuple[Checkpoint, Facts, int]:
    checkpoint = site.checkpoint(values)
    facts = site.facts(checkpoint)
    if facts.needs_data or not facts.blocks:
        raise Refused("view", "/labels", "a checkpoint whose generator has labels")
    return checkpoint, facts, values.whole("block", 0, most=len(facts.blocks) - 1)


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
