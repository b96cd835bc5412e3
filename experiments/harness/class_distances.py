"""Fréchet distances per class of two methods, compared: Multi-hinge GAN's figures 4c, 5 and 6."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import everymode
from everymode.pictures import new_figure, save_figure, save_grid
from experiments.harness.results import OF_CLASS, Outcome, scores_after

SHOWN = 5
"""Classes that improve, and that worsen, most: as many as the paper shows."""


class Compared(NamedTuple):
    """Distance of one class with two methods, means over seeds."""

    name: str
    before: float
    after: float


def class_distances(outcome: Outcome) -> dict[str, float]:
    """Return class -> Fréchet distance of a run that was scored per class; {} for any other."""
    return scores_after(outcome, OF_CLASS)


def compare_classes(outcomes: Sequence[Outcome], before: str, after: str) -> list[Compared]:
    """Return the classes that each seed of both cases has a distance for, the most improved first.

    Args:
        before, after: names of the two cases.
    """
    found = {
        case: [class_distances(outcome) for outcome in outcomes if outcome.case == case]
        for case in (before, after)
    }
    every = [distances for runs in found.values() for distances in runs]
    if not (found[before] and found[after] and all(every)):
        return []
    names = [name for name in every[0] if all(name in distances for distances in every)]
    compared = [
        Compared(name, *(statistics.fmean(run[name] for run in found[case]) for case in (before, after)))
        for name in names
    ]
    return sorted(compared, key=lambda each: each.after - each.before)


def described(compared: Sequence[Compared]) -> str:
    """Return a sentence on how many classes improve, by how much, and which ones change most."""
    better = [each for each in compared if each.after < each.before]
    change = (
        statistics.fmean(each.after for each in compared) / statistics.fmean(each.before for each in compared)
        - 1
    )

    def listed(some: Sequence[Compared]) -> str:
        return ", ".join(f"{each.name} ({each.before:.4g} to {each.after:.4g})" for each in some) or "none"

    worse = [each for each in reversed(compared) if each.after > each.before]
    return (
        f"Distance per class: lower for {len(better)} of {len(compared)} classes, "
        f"their mean changes by {100 * change:+.1f} %. "
        f"Most improved: {listed(better[:SHOWN])}. Most worsened: {listed(worse[:SHOWN])}"
    )


def draw_scatter(compared: Sequence[Compared], titles: tuple[str, str], path: Path) -> Path:
    """Draw figure 4c: a point per class, the first method's distance against the second's, and the line of equals."""
    figure, (panel,) = new_figure(size=(5, 5))
    panel.scatter([each.before for each in compared], [each.after for each in compared], s=12)
    most = max(max(each.before, each.after) for each in compared)
    panel.plot([0, most], [0, most], color="tab:red", linewidth=1)
    panel.set_xlabel(f"distance per class, {titles[0]}", fontsize=8)
    panel.set_ylabel(titles[1], fontsize=8)
    panel.tick_params(labelsize=7)
    return save_figure(figure, path)


def draw_extremes(
    generators: Mapping[str, everymode.Generator],
    compared: Sequence[Compared],
    path: Path,
    *,
    per_class: int = 8,
) -> Path:
    """Draw figures 5 and 6: samples of each method for the most improved classes, then for the most worsened ones.

    Args:
        generators: title of a method -> its generator, with the compared classes as labels.
    """
    import torch

    better = [each for each in compared if each.after < each.before][:SHOWN]
    worse = [each for each in reversed(compared) if each.after > each.before][:SHOWN]
    rows, names = [], []
    for each in dict.fromkeys([*better, *worse]):
        for title, generator in generators.items():
            rows.append(generator.sample(per_class, label=generator.classes.index(each.name), seed=50_000))
            names.append(f"{each.name}, {title}")
    return save_grid(torch.cat(rows), path, columns=per_class, row_names=names)
