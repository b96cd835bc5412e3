"""Report on a run's clusters (or parts of its partition): sizes, stability, agreement with classes, pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.evaluation.cluster_scores import ClusterScores
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
    """Statistics of a run's clusters.

    Attributes:
        step: step of the checkpoint.
        sizes: images per cluster, including mirror images if they are labeled too.
        mirrored: whether mirror images are labeled too.
        history: records of the label refreshes (`labels.jsonl`), oldest first.
        nmi, purity: agreement with the data's classes, over the images with a class; None without classes.
        classes: for each cluster its most frequent class and that class's share; empty without classes.
        scores: distance and coverage within each cluster; None if they were not measured.
    """

    step: int
    sizes: tuple[int, ...]
    mirrored: bool
    history: tuple[dict[str, Any], ...]
    nmi: float | None
    purity: float | None
    classes: tuple[tuple[str, float], ...]
    scores: ClusterScores | None = None

    @property
    def empty(self) -> int:
        """Number of clusters without images."""
        return sum(size == 0 for size in self.sizes)

    @property
    def largest(self) -> float:
        """Share of the images that are in the largest cluster."""
        return max(self.sizes) / max(sum(self.sizes), 1)


@dataclass(frozen=True)
class Found:
    """The clusters in a run's newest checkpoint.

    Attributes:
        run: the run folder.
        step: step of the checkpoint.
        labels: int64 [1, N], the cluster of each image; [2, N] if mirror images have labels too.
        count: number of clusters, including empty ones.
    """

    run: Path
    step: int
    labels: np.ndarray
    count: int


def clusters_of(run: Path) -> Found:
    """Read the clusters in a run's newest checkpoint.

    Raises:
        FileNotFoundError: if there is no valid checkpoint.
        ValueError: if the run has no clusters.
    """
    newest = files.newest_of_run(run)
    state = files.read_state(newest)["modules"]["labels"]
    if "table" not in state:
        raise ValueError(
            f"{run} has no clusters: its labels are the data's or numbers of generators, or it has no labels; choose a "
            "run of a recipe such as self-conditioned-32"
        )
    labels = state["table"].numpy()
    if (labels < 0).all():
        raise ValueError(f"{run} has not clustered its images yet: train it for at least one step")
    return Found(run, files.step_of(newest) or 0, labels, len(state["counts"]))


def report_clusters(found: Found, data: Dataset) -> ClusterReport:
    """Compute the sizes of a run's clusters and, if the data have classes, their agreement with these.

    Args:
        found: the clusters.
        data: the training data.

    Raises:
        ValueError: if the data do not have as many examples as were clustered.
    """
    run, step, labels, count = found.run, found.step, found.labels, found.count
    views, clustered = labels.shape
    if clustered != len(data):
        raise ValueError(
            f"{data.name} holds {len(data):,} examples, but {run} clustered {clustered:,}: give the data that the run "
            "was trained on"
        )
    sizes = tuple(np.bincount(labels.ravel(), minlength=count).tolist())
    history = tuple(read_lines(RunFolder(run).labels))
    known = data.labels >= 0 if data.labels.ndim == 1 and data.num_classes else np.zeros(len(data), bool)
    if not known.any():
        return ClusterReport(step, sizes, views == 2, history, None, None, ())
    clusters, classes = labels[:, known].ravel(), np.tile(data.labels[known], views)
    most: list[tuple[str, float]] = []
    for cluster in range(count):
        members = np.bincount(classes[clusters == cluster], minlength=len(data.classes))
        total = int(members.sum())
        most.append(
            (data.classes[int(members.argmax())], float(members.max() / total)) if total else ("", 0.0)
        )
    agreement = (nmi(clusters, classes), purity(clusters, classes))
    return ClusterReport(step, sizes, views == 2, history, *agreement, tuple(most))


def draw_clusters(
    found: Found, data: Dataset, out: Path, *, recipe: Recipe | None = None, seed: int = 0
) -> list[Path]:
    """Draw images and samples of the clusters.

    For images: clusters.png with one row per cluster for the largest clusters, images on the left and samples on the
    right, and one picture per cluster. For points: one scatter plot of the data and one of samples, colored by cluster.

    Args:
        found: the clusters.
        data: the training data.
        out: folder of the pictures.
        recipe: recipe of the run; needed for custom recipes.
        seed: seed of the samples.

    Returns:
        The paths, the overview first.
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
    """Return images of a cluster, evenly spaced over its members and mirrored if clustered so, and samples of it."""
    rows, views = np.nonzero(np.equal(labels.T, cluster))
    selected = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)
    images = data.gather(rows[selected], mirror=torch.from_numpy(views[selected] == 1))
    return images, generator.sample(count, label=cluster, seed=seed)


def _side_by_side(pairs: list[tuple[Tensor, Tensor]], names: list[str], path: Path) -> None:
    """Save one picture: a grid of all pairs' images on the left, padded with white, and their samples on the right."""
    images, samples = [], []
    for real, fake in pairs:
        blank = fake.new_ones(len(fake) - len(real), *fake.shape[1:])
        images.append(torch.cat((real, blank)))
        samples.append(fake)
    left = grid(torch.cat(images), columns=COLUMNS, row_names=names)
    right = grid(torch.cat(samples), columns=COLUMNS)
    gap = 16
    picture = Image.new(left.mode, (left.width + gap + right.width, max(left.height, right.height)), "white")
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width + gap, 0))
    picture.save(path)


def _scatter(generator: Generator, data: Dataset, labels: np.ndarray, out: Path, seed: int) -> list[Path]:
    rows = np.linspace(0, len(data) - 1, min(5000, len(data))).astype(np.int64)
    means = None if data.mixture is None else data.mixture.means
    real = save_scatter(
        data.gather(rows), out / "clusters.png", labels=torch.from_numpy(labels[rows]), means=means
    )
    weights = torch.from_numpy(np.bincount(labels, minlength=int(labels.max()) + 1)).double()
    clusters = torch.multinomial(
        weights, 2500, replacement=True, generator=torch.Generator().manual_seed(seed)
    )
    points = generator.sample(len(clusters), label=clusters, seed=seed, batch_size=500)
    return [real, save_scatter(points, out / "samples.png", labels=clusters, means=means)]


def write_report(report: ClusterReport, path: Path) -> None:
    """Write a report as JSON, atomically."""
    write_text_atomic(path, json.dumps(asdict(report), indent=1))
