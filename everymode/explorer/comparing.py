"""Page that shows two checkpoints at the same latent codes, with their score cards side by side."""

from __future__ import annotations

from dataclasses import replace

from everymode.evaluation.comparison import NamedCard, compare_cards
from everymode.evaluation.score_card import ScoreCard
from everymode.explorer.cards import card_of
from everymode.explorer.catalog import Checkpoint
from everymode.explorer.controls import (
    checkpoint_control,
    form,
    labels_controls,
    text_field,
    truncation_control,
)
from everymode.explorer.facts import Facts
from everymode.explorer.grid import View, grid, grid_style
from everymode.explorer.images import truncation_of
from everymode.explorer.labels import Label, requested_labels
from everymode.explorer.markup import Html, element, joined, table
from everymode.explorer.parameters import Parameters, address, seed_text
from everymode.explorer.replies import Page
from everymode.explorer.site import Site
from everymode.storage.json_files import finite_number

__all__ = ["compare", "knows", "scores_side_by_side", "sides_of"]


def compare(site: Site, parameters: Parameters) -> Page:
    """Return the page of two checkpoints: the same labels and seeds, and what their score cards allow to say."""
    left, right = sides_of(site, parameters)
    facts = site.facts(left), site.facts(right)
    truncation, seeds = truncation_of(parameters), parameters.seeds(default="0-3", most=16)
    labels = requested_labels(parameters, facts[0])
    controls = form(
        "/compare",
        checkpoint_control(site, left, "left", "Left", "checkpoint-select"),
        checkpoint_control(site, right, "right", "Right", "checkpoint-select-right"),
        labels_controls(parameters, facts[0]),
        text_field("Seeds", "seeds", seed_text(seeds), "seed-input", "such as 0-3 or 1,5,7"),
        truncation_control(truncation),
    )
    query = {
        "labels": parameters.text("labels", ""),
        "rows": parameters.text("rows", ""),
        "seeds": seed_text(seeds),
        "truncation": f"{truncation:g}",
    }
    query |= {f"block{index}": parameters.text(f"block{index}", "") for index in range(len(facts[0].blocks))}
    swapped = address("/compare", left=right.name, right=left.name, **query)
    swap = element(
        "p",
        element("a", "Swap left and right", href=swapped, accesskey="s", id="swap", class_="button plain"),
    )
    panels = []
    style = ""
    for side, checkpoint, own in zip(("left", "right"), (left, right), facts, strict=True):
        view = View(checkpoint, own, truncation)
        shown = [label for label in labels if knows(own, label)]
        heading = element("h2", f"{checkpoint.run}, {checkpoint.title}")
        inner = grid(view, shown, seeds, f"grid-{side}", f"{side}-")
        missing = len(labels) - len(shown)
        note = element("p", f"{missing} labels don't exist here.", class_="none") if missing else None
        panels.append(element("section", heading, inner, note, class_="panel", aria_label=side))
        style += grid_style(len(seeds), own.size, f"#grid-{side}")
    scores = element("section", element("h2", "Scores"), _scores(site, left, right), class_="panel")
    body = joined(controls, element("div", swap, element("div", panels, class_="sides"), scores, id="view"))
    status = f"{2 * len(labels) * len(seeds)} samples at the same latent codes"
    if facts[0].latent and left.run != right.run:
        status += "; networks of different runs give the same code different meanings"
    return Page("Compare", body, status, "/compare", style)


def sides_of(site: Site, parameters: Parameters) -> tuple[Checkpoint, Checkpoint]:
    """Return the two checkpoints; by default the newest and the one before it, or those of two runs."""
    left = site.checkpoint(parameters, "left" if parameters.has("left") else "checkpoint")
    if parameters.has("right"):
        return left, site.checkpoint(parameters, "right")
    run = site.catalog.run(left.run)
    others = [each for each in run.checkpoints if each.name != left.name]
    others += [
        each.newest for each in site.catalog.runs if not each.reason and each.newest and each.name != run.name
    ]
    if not others:
        return left, left
    return left, others[-1] if len(others) == len(run.checkpoints) - 1 else others[0]


def knows(facts: Facts, label: Label) -> bool:
    """Return whether a generator has this label."""
    if len(label.values) != len(facts.blocks) or (label.row is not None) != facts.needs_data:
        return False
    return all(value < len(block.labels) for value, block in zip(label.values, facts.blocks, strict=True))


def _scores(site: Site, left: Checkpoint, right: Checkpoint) -> Html:
    """Return the metrics of two checkpoints, ranked only where everything that could change a number is equal."""
    cards = [card_of(site.catalog.run(each.run), each) for each in (left, right)]
    missing = [
        f"{each.run}, {each.title}" for each, card in zip((left, right), cards, strict=True) if card is None
    ]
    if missing:
        return element(
            "p",
            f"No score card of {' and '.join(missing)}. Evaluate both sides with ",
            element("code", "everymode evaluate RUN"),
            " to compare them.",
            class_="none",
        )
    if left.name == right.name:
        return element("p", "Both sides are the same checkpoint.", class_="none")
    left_card, right_card = (card.card for card in cards if card is not None)
    rows = scores_side_by_side(left_card, right_card)
    head = ("metric", "left", "right", "better side")
    return element("div", table(head, rows), class_="scroller")


def scores_side_by_side(left: ScoreCard, right: ScoreCard) -> list[list[Html | str]]:
    """Return a row for every metric of two score cards: its name, both values, and which side is better.

    Sides are ranked only if everything that could change a value is equal; otherwise the differences are named.
    """
    return [_row(name, left, right) for name in dict.fromkeys((*left.metrics, *right.metrics))]


def _row(name: str, left: ScoreCard, right: ScoreCard) -> list[Html | str]:
    pair = [card.metrics.get(name) for card in (left, right)]
    values = [None if each is None else finite_number(each.value) for each in pair]
    shown = ["-" if value is None else f"{value:.5g}" for value in values]
    better = next(each.better for each in pair if each is not None)
    title = joined(name, " ", element("small", f"({better} is better)"))
    if None in values:
        return [title, *shown, "-"]
    sides = [
        NamedCard(side, replace(card, metrics={name: card.metrics[name]}))
        for side, card in (("left", left), ("right", right))
    ]
    comparison = compare_cards(sides)[0]
    if comparison.differing:
        reasons = "; ".join(comparison.differing[0][:4])
        return [title, *shown, joined("not comparable: ", element("small", reasons))]
    if values[0] == values[1]:
        return [title, *shown, "equal"]
    best = min(zip(values, ("left", "right"), strict=True), key=lambda each: _rank(each[0], better))[1]
    return [title, *shown, element("strong", best)]


def _rank(value: float | None, better: str) -> float:
    return (value or 0.0) * (1 if better == "lower" else -1)
