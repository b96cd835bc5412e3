"""Page of an interpolation: from one label and seed to another, on a line or on an arc."""

from __future__ import annotations

from everymode.explorer.controls import checkpoint_control, form, select, text_field, truncation_control
from everymode.explorer.grid import View, grid_style, row_of_tiles
from everymode.explorer.images import ends_of, truncation_of, walk_tiles
from everymode.explorer.labels import requested_labels
from everymode.explorer.markup import Html, element, joined
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import Page
from everymode.explorer.site import Site

__all__ = ["interpolate"]

PATHS = (("line", "straight line"), ("sphere", "arc of a sphere"))
"""Paths of latent codes, with their text."""


def interpolate(site: Site, parameters: Parameters) -> Page:
    """Return the page of an interpolation."""
    checkpoint = site.checkpoint(parameters)
    facts = site.facts(checkpoint)
    if facts.points or facts.needs_data:
        kind = "points in the plane" if facts.points else "images from label maps or pictures"
        controls = form("/interpolate", checkpoint_control(site, checkpoint), live=False)
        words = element(
            "p", f"This generator draws {kind}: there is nothing to interpolate.", class_="notice"
        )
        return Page("Interpolate", joined(controls, element("div", words, id="view")), "", "/interpolate")
    labels = requested_labels(Parameters(), facts)
    first = ends_of(parameters, facts, "from", f"{labels[0].text}:0")
    second = ends_of(parameters, facts, "to", f"{labels[-1].text}:1")
    truncation = truncation_of(parameters)
    tiles = walk_tiles(parameters, first, second)
    path = parameters.choice("path", "line", [name for name, _ in PATHS])
    ends = {"from": f"{first[0].text}:{first[1]}", "to": f"{second[0].text}:{second[1]}"}
    view = View(checkpoint, facts, truncation)
    controls = form(
        "/interpolate",
        checkpoint_control(site, checkpoint),
        text_field("From", "from", ends["from"], "from-input", "label:seed, such as 3:17"),
        text_field("To", "to", ends["to"], "to-input", "label:seed, such as 5:2"),
        text_field("Steps", "steps", str(len(tiles)), "steps-input", "2 to 33"),
        select("Latent code on a", "path", "path-select", PATHS, path),
        truncation_control(truncation),
    )
    source = address(
        f"/between/{checkpoint.name}/walk.webp",
        **ends,
        steps=len(tiles),
        path=None if path == "line" else path,
        truncation=view.truncation_text,
    )
    shares = [tile.toward.share for tile in tiles if tile.toward is not None]
    alternatives = [
        f"{share:.0%} of the way from {first[0].title(facts)}, seed {first[1]} to {second[0].title(facts)}, seed "
        f"{second[1]}, truncation {truncation:g}"
        for share in shares
    ]
    strip = row_of_tiles(view, source, [f"{share:.0%}" for share in shares], alternatives)
    body = joined(
        controls, element("div", strip, _explained(facts.blends, first[0] != second[0], path), id="view")
    )
    style = grid_style(len(tiles), facts.size)
    status = f"{len(tiles)} steps of {checkpoint.run}, {checkpoint.title}"
    return Page("Interpolate", body, status, "/interpolate", style)


def _explained(blends: bool, two_labels: bool, path: str) -> Html:
    moved = "on a straight line" if path == "line" else "on the arc of a sphere"
    text = f"The latent code moves {moved}."
    if two_labels and blends:
        text += (
            " So does the label's embedding."
            if path == "line"
            else " The label's embedding moves on a straight line."
        )
    elif two_labels:
        text += " This generator has no embeddings of labels, so each step has the label of the nearer end."
    return element("p", text, class_="caption")
