"""Partition-Guided GAN's figures 3 and 4: gradients of the guide, for a constrained and for a plain partitioner.

    python -m experiments.guide_landscape [--seeds 5] [--steps 4000]

Three networks learn the same partition of the grid of 25 Gaussians (k-means of the points, then cross-entropy, as in
the released code's toy example): constrained residual blocks with a linear read-out, one linear layer, and the released
2-10-20-25 with ReLU. On a fine mesh of the plane, for each seed and each part c:

- false valleys: points outside of part c from which no step in any of 256 directions, of any of several lengths, leads
  to a lower R_c. Candidates are the mesh points that are no higher than their eight neighbors. The descent from each
  continues off the mesh, because a slanted valley has such points all along it;
- the least gradient norm of R_c where it is positive, and the lower bound that the network certifies: c0 times the
  least gradient of R_c in feature space. With more parts than dimensions, theorem 3's bound is empty (the rows of the
  read-out cannot be independent), but R_c is convex there and has finitely many gradients, all of which are examined.

Figure 3: the contours of R_c for the Gaussian whose part has most false valleys under the plain network. Figure 4:
points of the GAN trained with each guide, and without a guide.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import everymode
from everymode.data.opening import open_images
from everymode.game import Game
from everymode.kmeans import kmeans
from everymode.labels.partition import PartitionLabels, guide_distance
from everymode.metrics.modes import mode_coverage
from everymode.partitioner.network import (
    Partitioner,
    linear_partitioner,
    multilayer_partitioner,
    plane_partitioner,
)
from everymode.pictures import new_figure, save_figure
from everymode.recipe import Recipe
from everymode.recipes.partition_guided import GRID, Partition
from everymode.training.preparation import Preparation
from experiments.guide_valleys import (
    MESH,
    REACH,
    false_valleys,
    gradient_norms,
    jacobians,
    least_gradient_in_features,
    mesh,
)

PARTS = 25
BATCH = 500
FIT_STEPS = 4000
Kind = Literal["constrained", "linear", "plain"]
NETWORKS: dict[Kind, Callable[[int], Partitioner]] = {
    "constrained": partial(plane_partitioner, iterations=1),
    "linear": linear_partitioner,
    "plain": multilayer_partitioner,
}


class Landscape(NamedTuple):
    """Properties of the guide of one network."""

    accuracy: float
    """Share of the points whose part equals their k-means cluster."""
    valleys: int
    """Number of false valleys, over all parts."""
    parts_with: int
    """Number of parts that have a false valley."""
    least_gradient: float
    """Smallest gradient norm of any R_c on the mesh, where R_c is positive."""
    certified: float
    """Certified lower bound on that gradient norm; 0 = none."""
    by_part: tuple[int, ...] = ()
    """Number of false valleys of each part."""


# ---- the networks


def fit(kind: Kind, points: Tensor, *, seed: int, steps: int = FIT_STEPS) -> tuple[Partitioner, float]:
    """Return a partitioner fitted to the points' k-means clusters (eval mode, double precision), and its accuracy."""
    torch.manual_seed(seed)
    labels = kmeans(points, PARTS, seed=seed, starts=20).labels
    network = NETWORKS[kind](PARTS)
    optimizer = torch.optim.Adagrad(network.parameters(), lr=0.07)
    for _ in range(steps):
        rows = torch.randint(len(points), (BATCH,))
        optimizer.zero_grad()
        F.cross_entropy(network(points[rows]), labels[rows]).backward()
        optimizer.step()
    network.eval().requires_grad_(False).double()
    return network, float((network(points.double()).argmax(1) == labels).double().mean())


# ---- the landscape


def survey(kind: Kind, points: Tensor, *, seed: int, steps: int = FIT_STEPS) -> tuple[Partitioner, Landscape]:
    """Fit a network, and return it with the properties of its guides of all parts."""
    network, accuracy = fit(kind, points, seed=seed, steps=steps)
    nodes = mesh()
    logits, slopes = network(nodes), jacobians(network, nodes)
    valleys = [len(false_valleys(network, part, nodes, logits)) for part in range(PARTS)]
    least = min(float(gradient_norms(logits, slopes, part).min()) for part in range(PARTS))
    certified = 0.0
    if kind != "plain":
        in_features = min(least_gradient_in_features(network.read_out, part) for part in range(PARTS))
        certified = network.certify().lower_bound * in_features
    return network, Landscape(
        accuracy, sum(valleys), sum(map(bool, valleys)), least, certified, tuple(valleys)
    )


def worst_mode(network: Partitioner, landscape: Landscape, points: Tensor) -> Tensor:
    """Return the mean [1, 2], float64, of the points whose part has most false valleys."""
    part = max(range(PARTS), key=lambda part: landscape.by_part[part])
    mine = points.double()
    return mine[network(mine).argmax(1) == part].mean(0, keepdim=True)


# ---- the GAN under each guide


@dataclass(frozen=True, kw_only=True)
class GuidedBy(Partition):
    """Partition of the grid by one of the three networks, and its guide."""

    network: Literal["constrained", "linear", "plain"] = "constrained"
    """Kind of the partitioner."""

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> PartitionLabels:
        network = NETWORKS[self.network](PARTS)
        images = max(recipe.num_images, 1)
        return PartitionLabels(network, self.num_parts(recipe), images, mirrored=recipe.mirror)

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        labels, points = game.labels, data.gather(np.arange(len(data)))[:10_000]
        assert isinstance(labels, PartitionLabels)
        labels.adopt(fit(self.network, points, seed=recipe.seed)[0].float(), data, seed=recipe.seed)
        labels.take(labels.label_all(data))


def guided(recipe: Recipe, **numbers: Any) -> Recipe:
    """Return the recipe guided by one of the three networks, with its partition's hyper-parameters and `numbers`."""
    assert isinstance(recipe.labels, Partition)
    return recipe.with_numbers(labels=GuidedBy(**vars(recipe.labels)), **numbers)


def gans(steps: int, seed: int, out: Path) -> dict[str, tuple[Tensor, dict[str, float]]]:
    """Return name -> (points, mode coverage) of the GAN trained with each guide and without a guide."""
    cases: dict[str, dict[str, Any]] = {
        "constrained": {"network": "constrained"},
        "plain": {"network": "plain"},
        "no guide": {"network": "constrained", "guide_weight": 0.0},
    }
    sampled = {}
    for name, numbers in cases.items():
        shared = {"steps": steps, "snapshot": steps, "guide_steps": steps // 2, "name": f"guide {name}"}
        recipe = guided(GRID, **(shared | numbers))
        run = everymode.train(recipe, out=out, seed=seed, quiet=True)
        points = run.generator().sample(10_000, batch_size=1000)
        mixture = open_images("grid").mixture
        assert mixture is not None
        modes = mode_coverage(points, mixture.means, mixture.std)
        sampled[name] = (
            points,
            {"modes": modes.modes, "high quality": modes.high_quality, "reverse KL": modes.reverse_kl},
        )
    return sampled


# ---- table and pictures


def table(landscapes: dict[str, list[Landscape]]) -> str:
    """Return a Markdown table with one row per kind of network."""
    lines = [
        "| partitioner | accuracy | false valleys | parts with any | least gradient over the seeds | certified |",
        "|---|---|---|---|---|---|",
    ]
    for kind, mine in landscapes.items():
        count = len(mine) * PARTS
        certified = min(each.certified for each in mine)
        lines.append(
            f"| {kind} | {statistics.fmean(each.accuracy for each in mine):.2%} | {sum(e.valleys for e in mine)} | "
            f"{sum(e.parts_with for e in mine)} of {count} | {min(e.least_gradient for e in mine):.3g} | "
            f"{f'{certified:.2g}' if certified else '-'} |"
        )
    return "\n".join(lines)


def picture(
    networks: dict[str, Partitioner], mode: Tensor, points: Tensor, drawn: dict[str, Any], path: Path
) -> Path:
    """Plot the guides and the GANs' points.

    The upper row shows R_c of the part that contains `mode` [1, 2], with false valleys marked. The lower row shows
    points of the GANs, if there are any.
    """
    columns = max(len(networks), len(drawn))
    rows = 2 if drawn else 1
    figure, panels = new_figure(rows, columns, size=(3.6 * columns, 3.6 * rows))
    nodes, line = mesh(), np.linspace(-REACH, REACH, MESH)
    for panel, (kind, network) in zip(panels, networks.items(), strict=False):
        part = int(network(mode).argmax())
        logits = network(nodes)
        values = guide_distance(logits, torch.full((len(nodes),), part)).view(MESH, MESH).numpy().T
        panel.contourf(line, line, np.log1p(values), levels=24, cmap="viridis")
        panel.contour(line, line, values, levels=[1e-9], colors="white", linewidths=1.2)
        inside = network(points.double()).argmax(1) == part
        panel.scatter(*points[~inside][:2000].T, s=0.5, color="black")
        panel.scatter(*points[inside][:200].T, s=1, color="red")
        bottoms = false_valleys(network, part, nodes, logits)
        if len(bottoms):
            panel.scatter(*bottoms.T, s=60, marker="x", color="orange")
        panel.set_title(f"{kind}: guide to the red points", fontsize=9)
    for panel, (name, (samples, modes)) in zip(panels[columns:], drawn.items(), strict=False):
        panel.scatter(*samples[:4000].T, s=0.7)
        panel.set_title(f"GAN, {name}: {modes['modes']} modes, {modes['high quality']:.1%}", fontsize=9)
    for panel in panels:
        panel.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
        panel.tick_params(labelsize=7)
        panel.set_visible(bool(panel.collections))
    return save_figure(figure, path, dpi=90)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seeds", type=int, default=5, help="number of networks of each kind (default: 5)")
    flags.add_argument(
        "--fit-steps", type=int, default=FIT_STEPS, help=f"steps of each (default: {FIT_STEPS})"
    )
    flags.add_argument(
        "--steps", type=int, default=4000, help="steps of each GAN; 0 = train none (default: 4000)"
    )
    flags.add_argument("--out", type=Path, default=Path("runs/guide-landscape"), help="folder of the results")
    options = flags.parse_args()
    data = open_images("grid")
    points = data.gather(np.arange(len(data)))[:10_000]
    landscapes: dict[str, list[Landscape]] = {}
    first: dict[str, Partitioner] = {}
    for kind in NETWORKS:
        for seed in range(options.seeds):
            network, landscape = survey(kind, points, seed=seed, steps=options.fit_steps)
            first.setdefault(kind, network)
            landscapes.setdefault(kind, []).append(landscape)
            print(f"{kind}, seed {seed}: {landscape}", flush=True)
    print(f"\n{table(landscapes)}\n")
    drawn = gans(options.steps, 0, options.out) if options.steps else {}
    for guide, (_, modes) in drawn.items():
        shown = "  ".join(f"{name} {value:.4g}" for name, value in modes.items())
        print(f"GAN, {guide}: {shown}")
    mode = worst_mode(first["plain"], landscapes["plain"][0], points)
    print(picture(first, mode, points, drawn, options.out / "guide_landscape.png"))


if __name__ == "__main__":
    main()
