"""Truncation curves: one generator evaluated at many truncations, which trade variety for typicality."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from everymode.evaluation.image_scores import evaluate_images
from everymode.evaluation.judging import reference_of
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import FSD
from everymode.evaluation.sides import Side, open_sides
from everymode.machine.device import find_device
from everymode.old_names import renamed_keywords
from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe
from everymode.storage.atomic import write_text_atomic

__all__ = ["DEFAULT_TRUNCATIONS", "curve_table", "save_curve", "truncation_curve"]

DEFAULT_TRUNCATIONS = tuple(round(0.05 * step, 2) for step in range(1, 21))
PAIRS = (("recall", "precision"), ("coverage", "density"), ("is", "fd"))
"""Pairs of metrics that are plotted against each other if the cards have both."""


@renamed_keywords(talk="verbose")
def truncation_curve(
    fake: Side,
    real: Side | None = None,
    *,
    truncations: Iterable[float] = DEFAULT_TRUNCATIONS,
    protocol: Protocol | None = None,
    recipe: Recipe | None = None,
    device: str | None = None,
    cache_dir: str | Path | None = None,
    verbose: bool = False,
    **choices: Any,
) -> list[ScoreCard]:
    """Evaluate a generator at several truncations. Standing statistics are computed again at each.

    Args:
        fake: a run, checkpoint, saved generator or `Generator`.
        truncations: each replaces the truncation of the protocol's sampling.
        real, protocol, recipe, device, cache_dir, verbose, choices: as in `evaluate`.

    Returns:
        One score card per truncation, in ascending order.
    Raises:
        ValueError: as `evaluate`, or if `fake` is a set of images or a generator of points.
    """
    values = sorted(set(truncations))
    if not values:
        raise ValueError("a truncation curve needs at least one truncation, such as 0.5,1")
    protocol = replace(protocol or Protocol(), **choices)
    names = protocol.metric_names()
    if FSD in (names or ()):
        raise ValueError(
            "truncation curves have no fsd: evaluate it at one --truncation, without --truncation-curve"
        )
    torch_device = find_device(device)
    samplings = [replace(protocol.sampling or Sampling(), truncation=value) for value in values]
    sides = open_sides(
        fake, real, replace(protocol, sampling=samplings[0]), recipe=recipe, device=torch_device
    )
    sides.require_generator()
    reference = reference_of(sides, protocol, device=torch_device, cache_dir=cache_dir, verbose=verbose)
    return [
        evaluate_images(
            sides.fake_images(protocol.num, reference.images, most=protocol.most_images, sampling=sampling),
            reference,
            metrics=names,
            device=torch_device,
            source=sides.fake_source,
            real_source=sides.real_source,
            verbose=verbose,
        )
        for sampling in samplings
    ]


def curve_table(cards: Sequence[ScoreCard]) -> str:
    """Return a text table with one row per truncation and one column per metric."""
    names = list(cards[0].metrics)
    rows = [["truncation", *names]]
    for card in cards:
        values = [card.metrics[name].value for name in names]
        cells = ["-" if value is None else f"{value:.5g}" for value in values]
        rows.append([f"{_truncation(card):g}", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    warnings = dict.fromkeys(warning for card in cards for warning in card.warnings)
    return "\n".join([*lines, *(f"note: {warning}" for warning in warnings)])


def save_curve(cards: Sequence[ScoreCard], path: Path) -> list[Path]:
    """Write all cards to one .json file, and plot each metric against the truncation, and PAIRS, in a .png beside it.

    Returns:
        The paths of the .json and the .png file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"truncation_curve": [card.as_json() for card in cards]}
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_text_atomic(path, text, shared=True)
    return [path, _plotted(cards, path.with_suffix(".png"))]


def _plotted(cards: Sequence[ScoreCard], path: Path) -> Path:
    names = list(cards[0].metrics)
    pairs = [pair for pair in PAIRS if all(_named(cards[0], metric) for metric in pair)]
    columns = max(3, len(pairs))
    rows = -(-len(names) // columns) + bool(pairs)
    figure, panels = new_figure(rows, columns, size=(3.4 * columns, 2.7 * rows))
    truncations = [_truncation(card) for card in cards]
    for panel, name in zip(panels, names, strict=False):
        panel.plot(truncations, [_plain(card, name) for card in cards], marker=".", linewidth=1)
        panel.set_xlabel("truncation", fontsize=8)
        panel.set_title(f"{name} ({cards[0].metrics[name].better} is better)", fontsize=8)
    for panel, pair in zip(panels[-columns:] if pairs else (), pairs, strict=False):
        across, up = (_named(cards[0], metric) for metric in pair)
        xs, ys = ([_plain(card, name) for card in cards] for name in (across, up))
        panel.plot(xs, ys, marker=".", linewidth=1)
        for x, y, truncation in list(zip(xs, ys, truncations, strict=True))[:: max(1, len(xs) // 5)]:
            panel.annotate(f"{truncation:g}", (x, y), fontsize=7)
        panel.set_xlabel(across, fontsize=8)
        panel.set_title(f"{up} against {across}", fontsize=8)
    for panel in panels:
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
        panel.set_visible(bool(panel.lines))
    return save_figure(figure, path)


def _truncation(card: ScoreCard) -> float:
    return float(card.protocol["sampling"]["truncation"])


def _named(card: ScoreCard, metric: str) -> str:
    return next((name for name, each in card.metrics.items() if each.metric == metric), "")


def _plain(card: ScoreCard, name: str) -> Any:
    value = card.metrics[name].value
    return float("nan") if value is None else value
