"""What the clusters (or parts) of a run are: sizes, how steady they are, how they agree with classes, pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.metrics.clustering import nmi, purity
from everymode.pictures import grid, save_scatter
from everymode.recipe import Recipe
from everymode.sampling.generator import Generator, load
from everymode.storage import checkpoint as files
from everymode.storage.atomic import write_text_atomic
from everymode.storage.run_folder import RunFolder, read_lines

__all__ = ["ClusterReport", "Found", "clusters_of", "draw_clusters", "report_clusters"]

OVERVIEW_ROWS = 25
COLUMNS = 8


@dataclass(frozen=True)
class ClusterReport:
    """Numbers of a run's clusters.

    Attributes:
        step: of the checkpoint that was read.
        sizes: images per cluster, mirror images included where they are labeled too.
        mirrored: whether they are.
        history: what each refresh of the labels said (`labels.jsonl`), oldest first.
        nmi, purity: agreement with the data's classes, over images that have one; None without.
        classes: for each cluster the class that most of its images have, and that share; empty without classes.
    """

    step: int
    sizes: tuple[int, ...]
    mirrored: bool
    history: tuple[dict[str, Any], ...]
    nmi: float | None
    purity: float | None
    classes: tuple[tuple[str, float], ...]

    @property
    def empty(self) -> int:
        """Clusters without an image."""
        return sum(size == 0 for size in self.sizes)

    @property
    def largest(self) -> float:
        """The largest cluster's share of the images."""
        return max(self.sizes) / max(sum(self.sizes), 1)


class Found(NamedTuple):
    """The clusters in a run's newest checkpoint."""

    run: Path
    step: int
    labels: np.ndarray
    """[1, N] int64, the cluster of every image, or [2, N] with those of the mirror images."""
    count: int
    """Clusters, empty ones included."""


def clusters_of(run: Path) -> Found:
    """Read them.

    Raises FileNotFoundError if there is no valid checkpoint, ValueError if the run found no clusters.
    """
    newest = files.newest_of_run(run)
    state = files.read_state(newest)["modules"]["labels"]
    if "table" not in state:
        raise ValueError(
            f"{run} has no clusters: its labels came with the data or name generators, or it has none; choose a run "
            "of a recipe such as self-conditioned-32"
        )
    labels = state["table"].numpy()
    if (labels < 0).all():
        raise ValueError(f"{run} has not clustered its images yet: let it train a step")
    return Found(run, files.step_of(newest) or 0, labels, len(state["counts"]))


def report_clusters(found: Found, data: Dataset) -> ClusterReport:
    """Sizes, history, and agreement with the data's classes where it has them.

    Raises ValueError for another number of examples than were clustered.
    """
    run, step, labels, count = found
    views, clustered = labels.shape
    if clustered != len(data):
        raise ValueError(
            f"{data.name} holds {len(data):,} examples and {run} clustered {clustered:,}: give the data that it was "
            "trained on"
        )
    sizes = tuple(np.bincount(labels.ravel(), minlength=count).tolist())
    history = tuple(read_lines(RunFolder(run).labels))
    known = data.labels >= 0 if data.labels.ndim == 1 and data.num_classes else np.zeros(len(data), bool)
    if not known.any():
        return ClusterReport(step, sizes, views == 2, history, None, None, ())
    mine, theirs = labels[:, known].ravel(), np.tile(data.labels[known], views)
    most: list[tuple[str, float]] = []
    for cluster in range(count):
        members = np.bincount(theirs[mine == cluster], minlength=len(data.classes))
        total = int(members.sum())
        most.append(
            (data.classes[int(members.argmax())], float(members.max() / total)) if total else ("", 0.0)
        )
    agreement = (nmi(mine, theirs), purity(mine, theirs))
    return ClusterReport(step, sizes, views == 2, history, *agreement, tuple(most))


def draw_clusters(
    found: Found, data: Dataset, out: Path, *, recipe: Recipe | None = None, seed: int = 0
) -> list[Path]:
    """clusters.png (a row a cluster: images on the left, samples on the right) and a picture of each; for points one
    scatter plot of data and samples, colored by cluster. Returns the paths, the overview first.
    """
    labels = found.labels
    generator = load(found.run, recipe=recipe)
    out.mkdir(parents=True, exist_ok=True)
    if data.is_points:
        return _scatter(generator, data, labels[0], out, seed)
    occupied = [int(cluster) for cluster in np.unique(labels)]
    overview = sorted(occupied, key=lambda cluster: -int((labels == cluster).sum()))[:OVERVIEW_ROWS]
    pairs = [_pair(generator, data, labels, cluster, COLUMNS, seed) for cluster in overview]
    names = [f"{cluster} ({int((labels == cluster).sum())})" for cluster in overview]
    paths = [out / "clusters.png"]
    _side_by_side(pairs, names, paths[0])
    for cluster in occupied:
        pair = _pair(generator, data, labels, cluster, COLUMNS * COLUMNS, seed)
        path = out / f"cluster-{cluster:03d}.png"
        _side_by_side([pair], [], path)
        paths.append(path)
    return paths


def _pair(
    generator: Generator, data: Dataset, labels: np.ndarray, cluster: int, count: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Images of a cluster, evenly spaced over its members, as they are clustered (mirrored or not), and samples."""
    rows, views = np.nonzero(np.equal(labels.T, cluster))
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)
    images = data.gather(rows[chosen], mirror=torch.from_numpy(views[chosen] == 1))
    return images, generator.sample(count, label=cluster, seed=seed)


def _side_by_side(pairs: list[tuple[Tensor, Tensor]], names: list[str], path: Path) -> None:
    """One picture: the images of all pairs in a grid on the left, filled up with white, the samples on the right."""
    images, samples = [], []
    for real, fake in pairs:
        blank = fake.new_ones(len(fake) - len(real), *fake.shape[1:])
        images.append(torch.cat((real, blank)))
        samples.append(fake)
    left = grid(torch.cat(images), columns=COLUMNS, row_names=names)
    right = grid(torch.cat(samples), columns=COLUMNS)
    gap = 16
    whole = Image.new(left.mode, (left.width + gap + right.width, max(left.height, right.height)), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + gap, 0))
    whole.save(path)


def _scatter(generator: Generator, data: Dataset, labels: np.ndarray, out: Path, seed: int) -> list[Path]:
    rows = np.linspace(0, len(data) - 1, min(5000, len(data))).astype(np.int64)
    means = None if data.mixture is None else data.mixture.means
    real = save_scatter(
        data.gather(rows), out / "clusters.png", labels=torch.from_numpy(labels[rows]), means=means
    )
    weights = torch.from_numpy(np.bincount(labels, minlength=int(labels.max()) + 1)).double()
    asked = torch.multinomial(weights, 2500, replacement=True, generator=torch.Generator().manual_seed(seed))
    points = generator.sample(len(asked), label=asked, seed=seed, batch_size=500)
    return [real, save_scatter(points, out / "samples.png", labels=asked, means=means)]


def write_report(report: ClusterReport, path: Path) -> None:
    """The report as JSON."""
    write_text_atomic(path, json.dumps(asdict(report), indent=1))
