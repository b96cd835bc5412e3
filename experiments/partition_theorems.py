"""Partition-Guided GAN's theorems 1 and 2, checked numerically.

    python -m experiments.partition_theorems [--networks 50]

Theorem 1 is a lower bound on the distance of a c-Lipschitz generator of standard normal z from data of two sets at
distance D, the first of which has probability pi. The formula is missing from the paper's text; the argument of its
proof gives, with t = D / c and the normal distribution function P (Gaussian isoperimetry: if G maps to the first set
with probability a, at most 1 - P(P^-1(a) + t) is left for the second),

    total variation >= min(P(P^-1(pi) + t) - pi, pi - P(P^-1(pi) - t)).

The bound is compared with the best ramp, a c-Lipschitz function that attains it, and with random c-Lipschitz networks,
which cannot fall below it.

Theorem 2: if part c contains both p_c and q_c, then JSD(sum pi_c p_c, sum pi_c q_c) is the sum of pi_c JSD(p_c, q_c).
Mass outside of its part makes the left side the smaller one.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

DISTANCES = (0.5, 1.0, 2.0, 4.0)
SHARES = (0.5, 0.3, 0.1)
SAMPLES = 200_000


def theorem_1(share: float, distance: float) -> float:
    """Return the lower bound on the total variation distance; distance: t = D / c."""
    pi = torch.tensor(share, dtype=torch.float64)
    quantile = torch.special.ndtri(pi)
    up, down = (torch.special.ndtr(quantile + sign * distance) for sign in (1, -1))
    return float(torch.minimum(up - pi, pi - down))


def total_variation(share: float, first: Tensor, second: Tensor) -> Tensor:
    """Return the distance from data on two sets of a model with these probabilities of the sets: the mass it misses."""
    return (share - first).relu() + (1 - share - second).relu()


def best_ramp(share: float, distance: float) -> float:
    """Return the least distance of z -> clamp((z - shift) c, -D/2, D/2), over all shifts."""
    shifts = torch.linspace(-8, 8, 2_000_001, dtype=torch.float64)
    first = torch.special.ndtr(shifts - distance / 2)
    second = 1 - torch.special.ndtr(shifts + distance / 2)
    return float(total_variation(share, first, second).min())


def random_networks(share: float, distance: float, *, networks: int, seed: int) -> float:
    """Return the least distance of random 1-Lipschitz networks of four-dimensional z, each with its best threshold.

    The two sets are half-spaces of the output, `distance` apart.
    """
    torch.manual_seed(seed)
    least = math.inf
    with torch.no_grad():
        for _ in range(networks):
            layers: list[nn.Module] = []
            for ins, outs in ((4, 32), (32, 32), (32, 1)):
                layer = nn.Linear(ins, outs)
                nn.init.orthogonal_(layer.weight)
                layers += [layer, nn.LeakyReLU(0.8)]
            values = nn.Sequential(*layers[:-1])(torch.randn(SAMPLES, 4)).squeeze(1).sort().values
            starts = torch.cat((values[:1] - distance, values))  # lower ends of the gap between the two sets
            first = torch.searchsorted(values, starts, right=True) / SAMPLES
            second = 1 - torch.searchsorted(values, starts + distance) / SAMPLES
            least = min(least, float(total_variation(share, first, second).min()))
    return least


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Return the JSD of discrete distributions along the last axis, in nats."""
    middle = (p + q) / 2
    return (torch.special.entr(middle) - (torch.special.entr(p) + torch.special.entr(q)) / 2).sum(-1)


def theorem_2(leak: float, *, parts: int = 5, values: int = 7, seed: int = 0) -> tuple[float, float]:
    """Return both sides of the identity, for random distributions with a share `leak` of each q_c outside of part c."""
    random = torch.Generator().manual_seed(seed)

    def distribution(*shape: int) -> Tensor:
        draws = torch.rand(*shape, generator=random, dtype=torch.float64)
        return draws / draws.sum(-1, keepdim=True)

    pi = distribution(parts)
    own = torch.eye(parts, dtype=torch.float64).repeat_interleave(values, 1)
    p = distribution(parts, values).repeat(1, parts) * own
    q = distribution(parts, values).repeat(1, parts) * own
    q = (1 - leak) * q + leak * distribution(parts, parts * values)
    return float(jensen_shannon(pi @ p, pi @ q)), float((pi * jensen_shannon(p, q)).sum())


def parser() -> argparse.ArgumentParser:
    """Return a parser with the flags of this experiment."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--networks", type=int, default=50, help="random networks for each row of theorem 1 (default: 50)"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    print(f"| pi | D / c | bound | best ramp | best of {options.networks} random networks |")
    print("|---|---|---|---|---|")
    for share in SHARES:
        for distance in DISTANCES:
            cells = (
                theorem_1(share, distance),
                best_ramp(share, distance),
                random_networks(share, distance, networks=options.networks, seed=0),
            )
            print(f"| {share} | {distance} | {' | '.join(f'{cell:.4f}' for cell in cells)} |")
    print(
        "\n| share of q outside its part | JSD of the mixtures | weighted sum over the parts |\n|---|---|---|"
    )
    for leak in (0.0, 0.01, 0.1, 0.5):
        both = theorem_2(leak)
        print(f"| {leak} | {both[0]:.12f} | {both[1]:.12f} |")


if __name__ == "__main__":
    main()
