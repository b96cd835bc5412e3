"""Dissection: Self-Conditioned GAN's Figures 8 and 9, and its count of changed units, on colored shapes of 16 pixels.

    python -m experiments.dissection [--seeds 3] [--budget 1] [--only "self-conditioned"] [--num 1000]

Rows: `untrained` (initial weights of the class-conditional generator) and four kinds of labels on one architecture.
Columns: units of each layer whose IoU with a color is above 0.04, at the tail that `--tail` names, then for the last
block also their share; units that show another color in another condition (class or cluster). The segmenter is the
palette of shapes.

The paper does not state its tail. The number of units depends on it at least as much as on training, so curves.png and
the second table have the numbers at tails from 0.001 to 0.2. conditions.png shows units of the self-conditioned and the
class-conditional generator under two conditions (Figure 9). Generators are those of experiments.reconstruction and
experiments.segmentation_distance, in the folder `generators` beside this set's.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from everymode.dissection import changed_units, dissect, strip, strongest_images
from everymode.dissection.dissecting import CURVE_TAILS, Dissection
from everymode.draws import Draws
from everymode.evaluation.labeled_segmenters import palette_of_shapes
from everymode.evaluation.segmenter_judges import SegmenterJudge
from everymode.inversion.drawing import DrawCodes
from everymode.pictures import new_figure, save_figure, save_grid
from everymode.sampling.generator import Generator
from experiments.harness.flags import chosen, parser
from experiments.harness.renumbering import add_numbers_flag, changed_numbers, renumbered
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case, Outcome, scores_after
from experiments.harness.tables import by_case, markdown, mean_and_spread, scores_of, table
from experiments.harness.trained_generators import (
    CONDITIONAL,
    HELD_OUT,
    SELF_CONDITIONED,
    cases,
    generator_at,
    trained,
    untrained,
)

UNTRAINED = "untrained"
PAPER = {
    # "a layer of 1024 units", 20 conditions, Places365
    SELF_CONDITIONED: ["663"],
    CONDITIONAL: ["562"],
}
PAPER_TITLES = "paper: changed of 1,024"
SHOWN = 6


@dataclass(frozen=True)
class Dissections:
    """Settings of the dissections.

    Attributes:
        num: number of images.
        tail: share of a unit's activations above its level.
        iou: IoU above which a unit is interpretable.
        conditions: number of conditions between which units change.
    """

    num: int = 1000
    tail: float = 0.005
    iou: float = 0.04
    conditions: int = 8


def dissect_case(case: Case, seed: int, folder: Path, judge: Dissections) -> Outcome:
    """Train a case unless it is trained, and dissect its generator and one with initial weights."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome, run = trained(case, seed, folder.parents[1] / "generators")
    if not outcome.scores:  # it diverged
        return outcome
    generator = generator_at(case, run, case.recipe.steps)
    scores = dict(outcome.scores) | scores_of_units(generator, judge)
    first = untrained(generator, seed)
    scores |= {f"{UNTRAINED} {name}": value for name, value in scores_of_units(first, judge).items()}
    return outcome._replace(case=case.name, scores=scores, folder=str(run))


def scores_of_units(generator: Generator, judge: Dissections) -> dict[str, float]:
    """Return the units of each layer, the interpretable ones at each tail, and those that change between conditions."""
    result = dissected(generator, judge)
    scores: dict[str, float] = {}
    for layer in result.layers:
        scores[f"{layer.name} units"] = len(layer.best_label)
        scores[layer.name] = int(layer.interpretable.sum())
        scores |= {f"{layer.name} at {tail:g}": count for tail, count in layer.curve.items()}
    last = result.layers[-1].name
    scores["last block"], scores["share"] = scores[last], scores[last] / scores[f"{last} units"]
    results = [dissected(generator, judge, label) for label in conditions_of(generator, judge)]
    if results:
        changed = changed_units(results)
        scores |= {f"{layer.name} changed": int(changed[layer.index].sum()) for layer in result.layers}
        scores["changed"] = sum(int(each.sum()) for each in changed.values())
        scores["units"] = sum(len(each) for each in changed.values())
        scores["changed share"] = scores["changed"] / scores["units"]
    return scores


def conditions_of(generator: Generator, judge: Dissections) -> list[int]:
    """Return the labels between which units may change, evenly spread; none for an unconditional generator."""
    count = generator.num_labels if isinstance(generator.num_labels, int) else 0
    if count < 2:
        return []
    number = min(judge.conditions, count)
    return [count * i // number for i in range(number)]


def dissected(generator: Generator, judge: Dissections, label: int | None = None) -> Dissection:
    """Return the dissection of a generator, of all labels as its label source draws them, or of one."""
    segmenter = palette_judge()
    return dissect(
        generator.network,
        segmenter.segment,
        num=judge.num if label is None else max(1, judge.num // 4),
        tail=judge.tail,
        iou=judge.iou,
        num_labels=len(segmenter.labels),
        none=segmenter.none,
        draw=drawing(generator, label),
    )


def drawing(generator: Generator, label: int | None) -> DrawCodes:
    """Return the function that draws latent codes and labels; all labels are `label` if it is given."""

    def draw(draws: Draws) -> tuple[torch.Tensor, object]:
        z = draws.normal("z", generator.latent_dim)
        if label is None:
            return z, generator.conditions(None, [draws])
        return z, torch.full((len(z),), label)

    return draw


def palette_judge() -> SegmenterJudge:
    """Return the palette of shapes with the names of its labels."""
    found = palette_of_shapes(HELD_OUT)
    assert found is not None
    return found


def untrained_rows(outcomes: Sequence[Outcome], case: str) -> list[Outcome]:
    """Return an outcome per seed with the scores of a case's untrained generators."""
    return [
        Outcome(UNTRAINED, each.seed, scores_after(each, f"{UNTRAINED} "), "", None, each.folder)
        for each in outcomes
        if each.case == case
    ]


def layers_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the names of the dissected layers, shallow to deep."""
    ending = " units"
    names = next((each.scores for each in outcomes if each.scores), {})
    return [
        name.removesuffix(ending)
        for name in names
        if name.endswith(ending) and not name.startswith(UNTRAINED)
    ]


def tail_table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table with a row per case and layer and a column per tail: interpretable units."""
    rows = []
    for name, mine in by_case(outcomes).items():
        for layer in layers_of(outcomes):
            cells = [
                mean_and_spread(scores_of(mine, f"{layer} at {tail:g}"), "standard deviation", digits=1)
                for tail in CURVE_TAILS
            ]
            count = scores_of(mine, f"{layer} units")
            rows.append([name, layer, f"{count[0]:g}" if count else "-", *cells])
    return markdown(["case", "layer", "units", *(f"{tail:g}" for tail in CURVE_TAILS)], rows)


def plot(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Plot the share of interpretable units against the tail, one panel per layer (Figure 8), one color per case."""
    layers = layers_of(outcomes)
    figure, panels = new_figure(1, len(layers), size=(4.4 * len(layers), 3.8))
    for panel, layer in zip(panels, layers, strict=True):
        for number, (name, mine) in enumerate(by_case(outcomes).items()):
            curves = [
                [each.scores[f"{layer} at {tail:g}"] / each.scores[f"{layer} units"] for tail in CURVE_TAILS]
                for each in mine
                if f"{layer} units" in each.scores
            ]
            for curve in curves:
                panel.plot(CURVE_TAILS, curve, color=f"C{number}", linewidth=0.5, alpha=0.4)
            if curves:
                means = [statistics.fmean(values) for values in zip(*curves, strict=True)]
                panel.plot(CURVE_TAILS, means, color=f"C{number}", linewidth=1.6, label=name)
        panel.set_xscale("log")
        panel.set_title(layer, fontsize=9)
        panel.set_xlabel("tail", fontsize=8)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share of interpretable units", fontsize=8)
    panels[0].legend(fontsize=7)
    return save_figure(figure, path)


def draw_conditions(
    all_cases: Sequence[Case], outcomes: Sequence[Outcome], judge: Dissections, path: Path
) -> Path | None:
    """Save the strongest images of a unit that changes, and of one that doesn't, under two conditions (Figure 9).

    Returns:
        The path; None if there is no such unit.
    """
    rows, names, segmenter = [], [], palette_judge()
    for case in all_cases:
        outcome = next(each for each in outcomes if each.case == case.name)
        if case.name not in PAPER or not outcome.scores:
            continue
        generator = generator_at(case, Path(outcome.folder), case.recipe.steps)
        labels = conditions_of(generator, judge)
        results = [dissected(generator, judge, label) for label in labels]
        for changing in (True, False):
            found = unit_of(results, changing)
            if found is None:
                continue
            layer, unit, pair = found
            for number in pair:
                part = results[number].layers[layer]
                color, iou = segmenter.labels[int(part.best_label[unit])], float(part.best_iou[unit])
                rows.append(unit_strip(generator, results[number], labels[number], layer, unit))
                names.append(
                    f"{case.name}, {part.name}, unit {unit}, label {labels[number]}: {color}, {iou:.2f}"
                )
    return save_grid(torch.stack(rows), path, columns=1, row_names=names) if rows else None


def unit_strip(generator: Generator, result: Dissection, label: int, layer: int, unit: int) -> torch.Tensor:
    """Return the strongest images of a unit side by side, darkened where it is off: uint8 [3, H, W]."""
    draw = drawing(generator, label)
    strongest = strongest_images(generator.network, result, count=SHOWN, draw=draw)
    of_layer = strongest.layers[layer]
    images = torch.stack([strongest.images[row] for row in of_layer.rows[unit].tolist()])
    picture = strip(images, of_layer.on(unit, (images.shape[2], images.shape[3])))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def unit_of(results: Sequence[Dissection], changing: bool) -> tuple[int, int, tuple[int, int]] | None:
    """Return the layer, unit and two conditions with the largest smaller IoU, among units that change or don't."""
    best: tuple[float, tuple[int, int, tuple[int, int]]] | None = None
    for first in range(len(results)):
        for second in range(first + 1, len(results)):
            for number, (a, b) in enumerate(zip(results[first].layers, results[second].layers, strict=True)):
                fits = a.interpretable & b.interpretable & ((a.best_label != b.best_label) == changing)
                worst = torch.minimum(a.best_iou, b.best_iou).masked_fill(~fits, -1.0)
                value, unit = worst.max(0)
                if float(value) > (0.0 if best is None else best[0]):
                    best = (float(value), (number, int(unit), (first, second)))
    return None if best is None else best[1]


def main(arguments: Sequence[str] | None = None) -> None:
    flags = parser(__doc__, out="dissection")
    flags.add_argument("--num", type=int, default=1000, help="images of a dissection (default: 1,000)")
    flags.add_argument("--tail", type=float, default=0.005, help="tail of the first table (default: 0.005)")
    flags.add_argument(
        "--conditions", type=int, default=8, help="conditions between which units change (default: 8)"
    )
    add_numbers_flag(flags)
    options = flags.parse_args(arguments)
    run_set(options, Dissections(options.num, options.tail, conditions=options.conditions))


def run_set(options: argparse.Namespace, judge: Dissections) -> None:
    """Run and report the experiment."""
    all_cases = renumbered(chosen(cases("shapes", options.budget), options.only), options.numbers)
    outcomes = run_all(
        all_cases,
        seeds=range(options.seeds),
        out=options.out,
        processes=options.processes,
        judge=judge,
        play=dissect_case,
    )
    rows = untrained_rows(outcomes, all_cases[-1].name) + outcomes
    curve = plot(rows, options.out / "curves.png")
    picture = draw_conditions(all_cases, outcomes, judge, options.out / "conditions.png")
    recipe, segmenter = all_cases[0].recipe, palette_judge()
    facts = [
        f"{all_cases[0].data}, {recipe.resolution} pixels, {recipe.steps:,} steps of {recipe.batch_size} images, "
        f"{options.seeds} seeds, mean ± standard deviation{changed_numbers(options.numbers)}",
        f"{judge.num:,} images, tail {judge.tail:g}, IoU above {judge.iou:g}, segmenter {segmenter.name} "
        f"{segmenter.digest[:12]}",
        f"changed: interpretable under at least two of {judge.conditions} conditions with different colors, "
        f"{max(1, judge.num // 4)} images each; the paper: 20 conditions, its rule is not stated",
        f"untrained: initial weights of the case {all_cases[-1].name}",
        f"{curve.name}: shares of units at all tails (Figure 8, whose tail is not stated)",
        "conditions.png: a unit that changes and one that doesn't under two conditions, with its color and IoU (Figure "
        f"9){': none' if picture is None else ''}",
    ]
    columns = [*layers_of(outcomes), "share", "changed", "units", "changed share"]
    text = "\n\n".join((table(rows, columns, PAPER, PAPER_TITLES), tail_table(rows)))
    report("Dissection", facts, text, options.out)


if __name__ == "__main__":
    main()
