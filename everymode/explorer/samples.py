"""Pages of samples: the grid of labels by seeds, and one sample enlarged."""

from __future__ import annotations

from everymode.explorer.conditions import columns_of
from everymode.explorer.controls import (
    checkpoint_control,
    form,
    labels_controls,
    size_control,
    text_field,
    truncation_control,
)
from everymode.explorer.grid import View, data_grid, grid, grid_style, image_address, sample_address
from everymode.explorer.images import size_of, truncation_of
from everymode.explorer.labels import parsed_label, requested_labels
from everymode.explorer.markup import Html, element, joined
from everymode.explorer.parameters import Parameters, address, seed_text
from everymode.explorer.replies import Page
from everymode.explorer.site import Site

__all__ = ["sample", "samples"]

MOST_NAMES = 1000
"""Most classes in the list of names."""


def samples(site: Site, parameters: Parameters) -> Page:
    """Return the page of a grid: rows of labels, columns of seeds."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    view = View(checkpoint, facts, truncation_of(parameters), size_of(parameters, facts))
    if facts.needs_data:
        return _rows(site, parameters, view)
    labels = requested_labels(parameters, facts)
    seeds = parameters.seeds(default="0,500" if facts.points else "0-7")
    controls = form(
        "/samples",
        checkpoint_control(site, checkpoint),
        labels_controls(parameters, facts),
        text_field("Seeds", "seeds", seed_text(seeds), "seed-input", "such as 0-7 or 1,5,7"),
        truncation_control(view.truncation),
        size_control(parameters, facts),
    )
    body = joined(controls, _names(view), element("div", grid(view, labels, seeds), id="view"))
    count = len(labels) * len(seeds)
    status = f"{count} {'samples' if count > 1 else 'sample'} of {checkpoint.run}, {checkpoint.title}"
    return Page("Samples", body, status, "/samples", grid_style(len(seeds), view.size or facts.size))


def _names(view: View) -> Html | None:
    """Return the list of classes with names, each a link to its samples."""
    blocks = view.facts.blocks
    if len(blocks) != 1 or all(name == str(index) for index, name in enumerate(blocks[0].labels)):
        return None
    links = [
        element(
            "li",
            element(
                "a",
                f"{index} {name}",
                href=address("/samples", checkpoint=view.checkpoint.name, labels=index),
            ),
        )
        for index, name in enumerate(blocks[0].labels[:MOST_NAMES])
    ]
    count = len(blocks[0].labels)
    return element(
        "details", element("summary", f"All {count} classes"), element("ul", links, class_="names")
    )


def _rows(site: Site, parameters: Parameters, view: View) -> Page:
    """Return the page of a generator of label maps or pictures: rows of the data."""
    facts = view.facts
    rows = [label.row or 0 for label in requested_labels(parameters, facts)]
    seeds = parameters.seeds(default="0-3", most=16)
    listed = parameters.text("rows", "0-7")
    controls = form(
        "/samples",
        checkpoint_control(site, view.checkpoint),
        text_field("Rows of the data", "rows", listed, "label-select", "such as 0-7 or 1,5"),
        text_field("Seeds", "seeds", seed_text(seeds), "seed-input", "such as 0-3") if facts.latent else None,
        truncation_control(view.truncation) if facts.latent else None,
    )
    body = joined(controls, element("div", data_grid(view, rows, seeds), id="view"))
    columns = len(columns_of(facts, 0, seeds))
    status = f"{len(rows)} rows of the data by {view.checkpoint.run}, {view.checkpoint.title}"
    return Page("Samples", body, status, "/samples", grid_style(columns, facts.size))


def sample(site: Site, parameters: Parameters) -> Page:
    """Return the page of one sample, enlarged, with links to what is near it."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    view = View(checkpoint, facts, truncation_of(parameters), size_of(parameters, facts))
    label = parsed_label(parameters, facts)
    seed = parameters.whole("seed", 0)
    height, width = view.size or facts.size
    png = image_address(view, label, seed, "png")
    picture = element(
        "img",
        src=png,
        alt=view.alternative(label, seed),
        width=width,
        height=height,
        class_=f"enlarged{' pixels' if max(height, width) <= 128 else ''}",
        id=f"sample-{label.text}-{seed}",
    )
    common = {"checkpoint": checkpoint.name, "label": label.text, "seed": seed}
    links = [("Nearest training images", address("/nearest", **common, truncation=view.truncation_text))]
    links.append(("History of this seed", address("/history", **common, truncation=view.truncation_text)))
    end = f"{label.text}:{seed}"
    if not facts.points and not facts.needs_data:
        links.append(
            ("Interpolate from here", address("/interpolate", checkpoint=checkpoint.name, from_=end))
        )
    if facts.any_size:
        links.append(("Other sizes", address("/sizes", **common, truncation=view.truncation_text)))
    listed = [element("li", element("a", text, href=target)) for text, target in links]
    listed.append(element("li", element("a", "Download PNG", href=png, download=f"{label.text}-{seed}.png")))
    around = [
        element("a", text, href=sample_address(view, label, each), rel=rel)
        for text, each, rel in (("previous seed", seed - 1, "prev"), ("next seed", seed + 1, "next"))
        if each >= 0
    ]
    facts_shown = element(
        "p", f"{view.alternative(label, seed)}, {height}x{width} pixels, PNG (no loss)", class_="caption"
    )
    body = element(
        "div",
        element("figure", picture, facts_shown),
        element("div", element("p", joined(around, between=" · ")), element("ul", listed), class_="beside"),
        class_="single",
        id="view",
    )
    return Page(
        f"{label.title(facts)}, seed {seed}".capitalize(),
        body,
        f"1 sample of {checkpoint.run}, {checkpoint.title}",
        "/samples",
    )
