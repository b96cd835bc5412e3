"""Page that shows one sample at several sizes, for generators that draw any size."""

from __future__ import annotations

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.controls import (
    checkpoint_control,
    form,
    label_controls,
    text_field,
    truncation_control,
)
from everymode.explorer.facts import Facts
from everymode.explorer.grid import View, image_address
from everymode.explorer.images import truncation_of
from everymode.explorer.labels import parsed_label
from everymode.explorer.markup import element, joined
from everymode.explorer.parameters import MOST_SIDE, Parameters
from everymode.explorer.replies import Page
from everymode.explorer.site import Site

__all__ = ["default_sizes", "sizes"]


def default_sizes(facts: Facts) -> str:
    """Return the sizes that are shown by default: multiples of the training resolution, and one of another shape."""
    height, width = facts.size
    factors = ((1, 1), (2, 2), (4, 4), (8, 8), (3, 4))
    wanted = [(height * tall, width * wide) for tall, wide in factors]
    return ",".join(f"{size[0]}x{size[1]}" for size in wanted if max(size) <= MOST_SIDE)


def sizes(site: Site, parameters: Parameters) -> Page:
    """Return the page of one sample at several sizes."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    if not facts.any_size:
        return _one_size(site, checkpoint, facts)
    label, seed = parsed_label(parameters, facts), parameters.whole("seed", 0)
    truncation = truncation_of(parameters)
    default = default_sizes(facts)
    listed = parameters.sizes(default=default)
    controls = form(
        "/sizes",
        checkpoint_control(site, checkpoint),
        label_controls(parameters, facts, label),
        text_field("Seed", "seed", str(seed), "seed-input"),
        text_field(
            "Sizes",
            "sizes",
            parameters.text("sizes", default),
            "size-input",
            "pixels, such as 32,64,96x48 (HxW)",
        ),
        truncation_control(truncation),
    )
    figures = []
    for size in listed:
        view = View(checkpoint, facts, truncation, None if size == facts.size else size)
        native = ", the training resolution" if size == facts.size else ""
        title = f"{size[0]}x{size[1]}"
        image = element(
            "img",
            src=image_address(view, label, seed),
            alt=f"{view.alternative(label, seed)}, {title} pixels",
            width=size[1],
            height=size[0],
            id=f"size-{title}",
        )
        figures.append(element("figure", image, element("figcaption", f"{title}{native}")))
    body = joined(controls, element("div", element("div", figures, class_="sizes"), id="view"))
    return Page("Sizes", body, f"{len(listed)} sizes of {label.title(facts)}, seed {seed}", "/sizes")


def _one_size(site: Site, checkpoint: Checkpoint, facts: Facts) -> Page:
    """Return the page for a generator that draws one size, with links to those that draw any."""
    controls = form("/sizes", checkpoint_control(site, checkpoint), live=False)
    newest = [run.newest for run in site.catalog.runs if run.newest and not run.reason]
    links = [
        element("li", element("a", f"{each.run}, {each.title}", href=f"/sizes?checkpoint={each.name}"))
        for each in newest
        if site.shows_any_size(each)
    ]
    height, width = facts.size
    kind = "points in the plane" if facts.points else f"images of {height}x{width} pixels only"
    words = element(
        "div",
        element(
            "p",
            f"This generator draws {kind}. Generators with an implicit head draw any size, such as those of ",
            element("code", "omni-inr-gan-64"),
            ".",
        ),
        element("ul", links) if links else None,
        class_="notice",
    )
    return Page("Sizes", joined(controls, element("div", words, id="view")), "", "/sizes")
