"""Page of the nearest training images of a generated one, with the percentile among held-out images."""

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
from everymode.explorer.labels import Label, parsed_label
from everymode.explorer.markup import Content, Html, element, table
from everymode.explorer.nearest import Features, Found, Search, percentile
from everymode.explorer.parameters import Parameters
from everymode.explorer.real_images import real_address
from everymode.explorer.replies import Page
from everymode.explorer.site import Site
from everymode.explorer.tiles import Tile

__all__ = ["nearest_images"]

NEIGHBORS = 8
"""Training images that are shown."""
STYLE = """
.neighbors{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:16px;padding:0;list-style:none}
.neighbors img,.sampled img{display:block;width:100%;height:auto;border-radius:8px;background:var(--well)}
.panel.sampled{flex-direction:row;flex-wrap:wrap;gap:20px 32px;align-items:flex-start}
.sampled figure{flex:0 1 220px}
.sampled .words{flex:1 1 280px;display:flex;flex-direction:column;gap:10px}
.neighbors img.pixels,.sampled img.pixels{width:100%}
.big{font-size:1.6rem;font-weight:680}
progress{width:100%;max-width:420px;height:12px;accent-color:var(--accent)}
"""


def nearest_images(site: Site, parameters: Parameters) -> Page:
    """Return the page of the training images nearest to a sample."""
    checkpoint = site.checkpoint(parameters)
    facts, run = site.facts(checkpoint), site.catalog.run(checkpoint.run)
    label = parsed_label(parameters, facts)
    seed, count = parameters.whole("seed", 0), parameters.whole("count", NEIGHBORS, least=1, most=24)
    view = View(checkpoint, facts, truncation_of(parameters))
    controls = form(
        "/nearest",
        checkpoint_control(site, checkpoint),
        label_controls(parameters, facts, label),
        text_field("Seed", "seed", str(seed), "seed-input", "a whole number"),
        truncation_control(view.truncation),
    )
    if facts.points or facts.needs_data:
        reason = "points in the plane" if facts.points else "images from label maps or pictures"
        text = f"This generator draws {reason}; nearest training images are searched for images drawn from seeds alone."
        body = element("div", element("p", text, class_="notice"), id="view")
        return Page("Nearest training images", Html(controls + body), text, "/nearest", STYLE)
    search = site.searches.of(run, wait=0.6)
    features, found, status = search.features, None, search.text
    if features is not None:
        image = site.worker.images(checkpoint, [Tile(label, seed, view.truncation)])[0]
        found = features.search(image, count)
        status = f"{len(found.rows)} nearest of {len(features.rows):,} training images, by {features.extractor.name}"
    parts: list[Content] = [_sample(view, label, seed, features, found, search)]
    if features is not None and found is not None:
        parts.append(_neighbors(view, features, found))
    body = element("div", parts, id="view")
    return Page("Nearest training images", Html(controls + body), status, "/nearest", STYLE)


def _sample(
    view: View, label: Label, seed: int, features: Features | None, found: Found | None, search: Search
) -> Html:
    height, width = view.facts.size
    picture = element(
        "img",
        src=image_address(view, label, seed),
        alt=view.alternative(label, seed),
        width=width,
        height=height,
        class_=_look(view),
        id=f"sample-{label.text}-{seed}",
    )
    figure = element(
        "figure",
        element("a", picture, href=sample_address(view, label, seed)),
        element("figcaption", view.alternative(label, seed)),
    )
    words = _waiting(search) if features is None or found is None else _words(features, found)
    return element("section", figure, element("div", words, class_="words"), class_="panel sampled")


def _waiting(search: Search) -> list[Content]:
    """Return the progress of the background work, or why there is none."""
    if search.state == "refused":
        text = f"Nearest training images are not shown: {search.text}."
        return [element("p", text, class_="notice")]
    total = search.total or None
    share = f"{search.done:,} of {search.total:,} images" if total else "please wait"
    return [
        element("p", f"Computed once, then kept: {search.text}."),
        element("progress", share, value=search.done if total else None, max=total, aria_label=search.text),
        element("p", f"{share}. This page loads itself again every 3 seconds until the images are there."),
        element("meta", http_equiv="refresh", content="3"),
    ]


def _words(features: Features, found: Found) -> list[Content]:
    """Return the distance and its percentile in words."""
    share = percentile(found.distances[0], features.held_out)
    words: list[Content] = [
        element("h2", "Distance to the nearest training image"),
        element("p", f"{found.distances[0]:.4g}", class_="big", id="distance"),
    ]
    if share is None:
        words.append(
            element(
                "p",
                f"{features.without}, so the percentile of this distance among held-out images is left out. Runs that "
                "were trained with --held-out 0.1 have it.",
                id="percentile",
            )
        )
    else:
        words.append(
            element(
                "p",
                f"Percentile {share:.1f} among {len(features.held_out):,} held-out images: {_verdict(share)}",
                id="percentile",
            )
        )
    if not features.fits:
        text = "These are images of --data, whose fingerprint is not that of the images that the run was trained on."
        words.insert(0, element("p", text, class_="notice"))
    searched, total = len(features.rows), len(features.dataset)
    part = "" if searched == total else f" (a fixed random selection of {total:,})"
    words.append(
        element(
            "p",
            f"Searched: {searched:,} training images{part}. Features: {features.extractor.name}, layer "
            f"{features.layer}, the extractor of the run's metrics; Euclidean distance.",
            class_="caption",
            id="extractor",
        )
    )
    return words


def _verdict(share: float) -> str:
    if share < 1:
        return "hardly any unseen image is as near to the training images, so this sample may be a copy."
    if share > 99:
        return "nearly all unseen images are nearer to the training images, so this sample is unusual or unrealistic."
    return "unseen images are about as near to the training images, so the distance is no sign of a copy."


def _neighbors(view: View, features: Features, found: Found) -> Html:
    dataset = features.dataset
    height, width = dataset.image_shape[1:]
    items, rows = [], []
    for number, (row, distance) in enumerate(zip(found.rows, found.distances, strict=True), 1):
        name = _class_name(features, row)
        picture = element(
            "img",
            src=real_address(dataset, [row]),
            alt=f"training image {row}{f', {name}' if name else ''}, distance {distance:.4g}",
            width=width,
            height=height,
            class_=_look(view),
        )
        link = element("a", picture, href=real_address(dataset, [row], "png"))
        caption = element(
            "figcaption", f"{distance:.4g}", element("br"), f"row {row:,}{f', {name}' if name else ''}"
        )
        items.append(element("li", element("figure", link, caption), id=f"neighbor-{number}"))
        rows.append([number, f"{row:,}", name, f"{distance:.6g}", _rank(distance, features)])
    heads = ["nearest", "row", "class", "distance", "percentile among held-out images"]
    behind = element(
        "details",
        element("summary", "Table"),
        element("div", table(heads, rows), class_="scroller", tabindex="0"),
    )
    return element(
        "section",
        element("h2", "Nearest training images"),
        element("ul", items, class_="neighbors"),
        behind,
        class_="panel",
    )


def _rank(distance: float, features: Features) -> str:
    share = percentile(distance, features.held_out)
    return "no held-out images" if share is None else f"{share:.1f}"


def _class_name(features: Features, row: int) -> str:
    dataset = features.dataset
    if dataset.labels.ndim != 1 or dataset.labels[row] < 0 or not dataset.classes:
        return ""
    return f"class {dataset.classes[dataset.labels[row]]}"


def _look(view: View) -> str | None:
    return "pixels" if max(view.facts.size) <= 128 else None
