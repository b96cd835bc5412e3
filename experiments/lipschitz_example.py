"""Sparsity Aware Normalization's Figure 2 and Example 1: layers of norm 1 cannot fit every function of slope 1.

    python -m experiments.lipschitz_example [--seeds 3] [--steps 4000]

A network with one hidden layer of ReLUs, f(x) = w2 . relu(w1 x + b1) + b2, is fitted to samples of functions whose
slope nowhere exceeds 1: unconstrained, and with |w1| <= 1 and |w2| <= 1. A slope of f is the sum of products w1_i w2_i
over some of the units, and the absolute values of all products sum to at most 1; slopes of both signs share that sum.
Targets:

- a zigzag of slopes 1 and -1 (like Figure 2): under the constraint no slope can be steeper than 1/2;
- the identity with b1 = 0, where all kinks are at 0, as every kink is when seen from far away (Example 1): the best fit
  under the constraint has a slope of 1/2 on either side, a squared error of exactly 1/12 on [-1, 1];
- the identity with free b1: kinks outside of the samples make the network linear on them, so it fits; its slopes at
  minus and plus infinity (in the table) still sum to at most 1.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from everymode.pictures import new_figure, save_figure

HIDDEN = 64
SAMPLES = 256


class Target(NamedTuple):
    """A function of slope at most 1, the largest |x| of its samples, and whether the first layer has a bias."""

    title: str
    function: Callable[[Tensor], Tensor]
    reach: float
    bias: bool = True


class Fit(NamedTuple):
    """A fitted network: its mean squared error, its slopes far to the left and to the right, and its values."""

    error: float
    left: float
    right: float
    values: Tensor


class AtMostOne(nn.Module):
    """Weight divided by max(1, Euclidean norm), the largest singular value of a matrix with one row or column."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight / weight.norm().clamp_min(1)


def zigzag(x: Tensor) -> Tensor:
    """Return a zigzag of x: slopes 1 and -1 in turn, between -1/2 and 1/2, with period 2."""
    return (torch.remainder(x, 2) - 1).abs() - 0.5


def identity(x: Tensor) -> Tensor:
    """Return x."""
    return x


TARGETS = (
    Target("zigzag (Figure 2)", zigzag, 2.0),
    Target("identity, b1 = 0 (Example 1)", identity, 1.0, bias=False),
    Target("identity, b1 free", identity, 1.0),
)


def two_layers(*, bias: bool, constrained: bool) -> nn.Sequential:
    """Return the network, with PyTorch's initial weights."""
    network = nn.Sequential(nn.Linear(1, HIDDEN, bias=bias), nn.ReLU(), nn.Linear(HIDDEN, 1))
    if constrained:
        from everymode.norms.weight import normalize_weights

        normalize_weights(network, lambda layer, grid: AtMostOne())
    return network


def fit(target: Target, *, constrained: bool, seed: int, steps: int) -> Fit:
    """Fit the network to the target by full-batch Adam, in double precision."""
    torch.manual_seed(seed)
    network = two_layers(bias=target.bias, constrained=constrained).double()
    x = torch.linspace(-target.reach, target.reach, SAMPLES, dtype=torch.float64).unsqueeze(1)
    y = target.function(x)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        (network(x) - y).square().mean().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        values = network(x)
        left, right = outer_slopes(network)
        return Fit(float((values - y).square().mean()), left, right, values.squeeze(1))


def outer_slopes(network: nn.Sequential) -> tuple[float, float]:
    """Return the network's slopes at minus and at plus infinity (equations 13 and 15), from its weights."""
    # A normalized weight is a tensor, not a parameter; its type is known from `two_layers`.
    first, second = (cast("Tensor", network[layer].weight).squeeze() for layer in (0, 2))
    products = first * second
    return float(products[first < 0].sum()), float(products[first > 0].sum())


def table(fits: Mapping[tuple[str, bool], Sequence[Fit]]) -> str:
    """Return a Markdown table with one row per target and kind of network."""
    lines = [
        "| target | layers | mean squared error | largest over the seeds | slope at -infinity | slope at +infinity |",
        "|---|---|---|---|---|---|",
    ]
    for (title, constrained), mine in fits.items():
        errors = [each.error for each in mine]
        slopes = [statistics.fmean(slope) for slope in zip(*((f.left, f.right) for f in mine), strict=True)]
        kind = "norm at most 1" if constrained else "free"
        lines.append(
            f"| {title} | {kind} | {statistics.fmean(errors):.2g} | {max(errors):.2g} | {slopes[0]:.3f} | "
            f"{slopes[1]:.3f} |"
        )
    return "\n".join(lines)


def picture(fits: Mapping[tuple[str, bool], Sequence[Fit]], path: Path) -> Path:
    """Plot one panel per target: its samples, and the fits of both networks for the first seed."""
    figure, panels = new_figure(1, len(TARGETS), size=(4 * len(TARGETS), 3.2))
    for panel, target in zip(panels, TARGETS, strict=True):
        x = torch.linspace(-target.reach, target.reach, SAMPLES, dtype=torch.float64)
        panel.plot(x[::8], target.function(x)[::8], ".", label="samples", color="C0")
        for constrained, color in ((False, "C2"), (True, "C3")):
            label = "layers of norm at most 1" if constrained else "free"
            panel.plot(x, fits[target.title, constrained][0].values, color=color, label=label, linewidth=1.2)
        panel.set_title(target.title, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7)
    return save_figure(figure, path)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    flags.add_argument("--steps", type=int, default=4000, help="steps of Adam (default: 4000)")
    flags.add_argument(
        "--out", type=Path, default=Path("runs/lipschitz-example.png"), help="path of the picture"
    )
    options = flags.parse_args()
    fits = {
        (target.title, constrained): [
            fit(target, constrained=constrained, seed=seed, steps=options.steps)
            for seed in range(options.seeds)
        ]
        for target in TARGETS
        for constrained in (False, True)
    }
    print(table(fits))
    print(f"\n{picture(fits, options.out)}")


if __name__ == "__main__":
    main()
