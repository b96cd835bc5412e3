"""Sparsity Aware Normalization's Figures 12 and 13: the largest kernel peak of a layer, estimated from a random subset.

    python -m experiments.compensation [--budget 1] [--on cifar10 --data cifar10-train.parquet --width 16]
    python -m experiments.compensation --grid [--seeds 3] [--budget 0.5]

The peak of a kernel is its largest Fourier modulus. The paper models the peaks of a layer as exponentially distributed,
which gives the compensation g = H(mn) / H(ceil(mn r)) of equation 9. For each layer and ratio r, the table compares it
with:

- the mean maximum of mn exponential draws divided by the mean maximum of ceil(mn r) of them (Monte Carlo);
- the factor that a trained critic needs: its largest peak divided by the mean, over all subsets of that size, of the
  subset's largest peak (exact, by order statistics);
- the same factor for the critic's initial weights.

--grid trains with sparsity-aware normalization at ratios r and total compensations g, and reports the distances. (The
paper's table is of Cityscapes; its best values are r = 100 % and g = 1.1.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from everymode.pictures import new_figure, save_figure
from everymode.recipes import find
from everymode.recipes.san_gan import SparsityAware
from experiments.critic_spectra import convolutions_of
from experiments.harness.budget import scaled, width_of
from experiments.harness.flags import parser
from experiments.harness.repeated import run_all
from experiments.harness.report import report
from experiments.harness.results import Case
from experiments.harness.tables import table
from experiments.harness.unconditional import UnconditionalJudge, trained_critic, trained_run

if TYPE_CHECKING:
    from torch import nn

RATIOS = (0.1, 0.25, 0.5, 0.75)
SIZES = (16, 64, 256, 512)
GRID_RATIOS = (0.25, 0.5, 1.0)
GRID_GAINS = (0.8, 1.0, 1.1, 1.3)


class Layer(NamedTuple):
    """Peaks of a convolution's kernels, in ascending order."""

    name: str
    peaks: np.ndarray


def critic_peaks(critic: nn.Module, size: tuple[int, int], channels: int) -> list[Layer]:
    """Return the peaks of each convolution's kernels, on the grid that it acts on, in the order of the layers."""
    from everymode.norms import filter_sigmas

    return [
        Layer(name, np.sort(filter_sigmas(weight, grid).flatten().numpy()))
        for name, weight, grid in convolutions_of(critic, size, channels)
    ]


def mean_of_maximum(sorted_values: np.ndarray, count: int) -> float:
    """Return the mean, over all subsets of `count` of the values, of the subset's largest value."""
    total = len(sorted_values)
    ranks = np.arange(count, total + 1)  # the i-th smallest is the largest of C(i - 1, count - 1) subsets
    logs = [
        math.lgamma(i) - math.lgamma(i - count + 1) - math.lgamma(count)
        - (math.lgamma(total + 1) - math.lgamma(total - count + 1) - math.lgamma(count + 1))
        for i in ranks
    ]  # fmt: skip
    return float(np.exp(logs) @ sorted_values[count - 1 :].astype(np.float64))


def needed(peaks: np.ndarray, ratio: float) -> float:
    """Return the largest peak divided by the mean of a random subset's largest peak."""
    return float(peaks[-1]) / mean_of_maximum(peaks, math.ceil(len(peaks) * ratio))


def monte_carlo(count: int, ratio: float, *, draws: int = 20_000, seed: int = 0) -> float:
    """Return the mean maximum of `count` exponential draws divided by that of ceil(count * ratio) of them.

    The maximum of n draws is drawn directly: its distribution function is (1 - exp(-x))^n.
    """
    uniform = np.random.default_rng(seed).uniform(size=(2, draws))
    all_maxima, subset_maxima = -np.log(
        -np.expm1(np.log(uniform) / np.array([[count], [math.ceil(count * ratio)]]))
    )
    return float(all_maxima.mean() / subset_maxima.mean())


def comparison(trained: Sequence[Layer], initial: Sequence[Layer]) -> str:
    """Return a Markdown table with one row per layer and ratio."""
    from everymode.norms import compensation

    lines = [
        "| layer | kernels | ratio | formula | Monte Carlo | trained critic | initial weights |",
        "|---|---|---|---|---|---|---|",
    ]
    for layer, untrained in zip(trained, initial, strict=True):
        count = len(layer.peaks)
        for ratio in RATIOS:
            cells = (
                compensation(count, ratio),
                monte_carlo(count, ratio),
                needed(layer.peaks, ratio),
                needed(untrained.peaks, ratio),
            )
            shown = " | ".join(f"{cell:.3f}" for cell in cells)
            lines.append(f"| {layer.name} | {count:,} | {ratio:.0%} | {shown} |")
    return "\n".join(lines)


def picture(trained: Sequence[Layer], initial: Sequence[Layer], path: Path) -> Path:
    """Plot the compensation against the ratio for several layer sizes, and histograms of the last layer's peaks."""
    from everymode.norms import compensation

    figure, (curves, *histograms) = new_figure(1, 3, size=(13, 3.6))
    shares = np.linspace(0.02, 1, 50)
    for size in SIZES:
        curves.plot(
            100 * shares, [compensation(size**2, share) for share in shares], label=f"{size} x {size}"
        )
    curves.plot(
        [100 * ratio for ratio in RATIOS],
        [needed(trained[-1].peaks, ratio) for ratio in RATIOS],
        "k.",
        label="trained critic, last layer",
    )
    curves.set_title("compensation g (Figure 12)", fontsize=9)
    curves.set_xlabel("kernels in the subset, %", fontsize=8)
    curves.legend(fontsize=7)
    for panel, layers, title in zip(
        histograms, (trained, initial), ("trained critic", "initial weights"), strict=True
    ):
        peaks = layers[-1].peaks
        panel.hist(peaks, bins=60, density=True, color="C0", alpha=0.7)
        x = np.linspace(0, peaks[-1], 200)
        panel.plot(
            x, np.exp(-x / peaks.mean()) / peaks.mean(), "C3", linewidth=1, label="exponential, same mean"
        )
        panel.set_yscale("log")
        panel.set_ylim(bottom=1e-3 / peaks.mean())
        panel.set_title(f"peaks of the last layer's kernels, {title} (Figure 13)", fontsize=9)
        panel.legend(fontsize=7)
    for panel in (curves, *histograms):
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    return save_figure(figure, path)


def grid_cases(on: str, data: str, budget: float, numbers: Mapping[str, int]) -> list[Case]:
    """Return the cases of training at ratios and total compensations (Figure 12, right)."""
    base = find(f"san-gan-cnn-{on}")
    return [
        Case(
            f"r {ratio:.0%}, g {gain:g}",
            scaled(replace(base, norm=SparsityAware(fraction=ratio, compensation=gain)), budget, **numbers),
            data or base.data,
        )
        for ratio in GRID_RATIOS
        for gain in GRID_GAINS
    ]


def main() -> None:
    flags = parser(__doc__, out="compensation")
    flags.add_argument(
        "--on", choices=("digits", "cifar10"), default="digits", help="data of the recipes (default: digits)"
    )
    flags.add_argument("--data", default="", help="path of CIFAR")
    flags.add_argument("--width", type=int, help="base number of channels (default: the recipe's)")
    flags.add_argument("--grid", action="store_true", help="train over a grid of ratios and compensations")
    options = flags.parse_args()
    if options.on != "digits" and not options.data:
        flags.error(f"--on {options.on} needs --data, such as {options.on}-train.parquet")
    numbers = {} if options.width is None else {"width": options.width}
    if options.grid:
        cases = grid_cases(options.on, options.data, options.budget, numbers)
        judge = UnconditionalJudge(1000, ("fd",), extractor=None if options.on == "digits" else "lite0:64")
        outcomes = run_all(
            cases,
            seeds=range(options.seeds),
            out=options.out / "grid",
            processes=options.processes,
            judge=judge,
        )
        facts = [
            f"{options.on}, {cases[0].recipe.steps:,} steps, width {width_of(cases[0].recipe)}, {options.seeds} seeds",
            "g is the total compensation, including the formula's; paper, on Cityscapes: best at r 100 %, g 1.1",
        ]
        report("Compensation: ratio and gain", facts, table(outcomes, ["fd"], {}, ""), options.out / "grid")
        return
    recipe = scaled(find(f"san-gan-cnn-{options.on}"), options.budget, **numbers)
    run = trained_run(recipe, options.data or recipe.data, options.out / "critic")
    fitted = run.recipe
    untrained = critic_peaks(fitted.build().discriminator, fitted.size, fitted.channels)
    trained = critic_peaks(trained_critic(run), fitted.size, fitted.channels)
    path = picture(trained, untrained, options.out / "compensation.png")
    facts = [
        f"The critic of {recipe.name}, width {width_of(recipe)}, after {recipe.steps:,} steps",
        f"Picture: {path.name}",
    ]
    report("Compensation: subsets of kernels", facts, comparison(trained, untrained), options.out)


if __name__ == "__main__":
    main()
