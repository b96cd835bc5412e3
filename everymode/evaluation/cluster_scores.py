"""Distance and coverage within each cluster: samples of a cluster against the images that were clustered into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from everymode.data.dataset import Dataset
from everymode.evaluation.image_scores import cached_reference, chosen_extractor
from everymode.evaluation.protocol import MAX_FEATURES
from everymode.evaluation.scoring import coverage_within
from everymode.evaluation.streams import images_of_dataset
from everymode.extractors.extraction import extract_batches
from everymode.extractors.pixels import quantized
from everymode.metrics.frechet_variants import frechet_by_class
from everymode.sampling.generator import Generator

__all__ = ["ClusterScores", "score_clusters"]


@dataclass(frozen=True)
class ClusterScores:
    """Scores of each cluster, in order.

    Attributes:
        extractor: name of the extractor of the features.
        samples: samples of each cluster.
        seed: seed of the first sample of each cluster.
        distances: Frechet distance between images and samples; None with fewer than two images.
        coverages: share of the images with a sample in their ball; None with at most COVERAGE_NEIGHBORS images.
        few: whether a cluster has no more images or samples than features, so that its distance is unreliable.
    """

    extractor: str
    samples: int
    seed: int
    distances: tuple[float | None, ...]
    coverages: tuple[float | None, ...]
    few: tuple[bool, ...]


def score_clusters(
    generator: Generator,
    data: Dataset,
    labels: np.ndarray,
    count: int,
    *,
    samples: int = 100,
    seed: int = 0,
    extractor: str | None = None,
    cache_dir: str | Path | None = None,
    verbose: bool = False,
) -> ClusterScores:
    """Measure each cluster of a generator. Empty clusters are not sampled.

    Args:
        generator: a generator of images with clusters as labels.
        data: the images that were clustered.
        labels: int64 [N], the cluster of each image.
        count: number of clusters, including empty ones.
        samples: samples of each cluster.
        seed: seed of the first sample of each cluster.
        extractor: name of the extractor; None means the default one for the data.
        cache_dir: folder where features of the data are cached. Default: $EVERYMODE_CACHE.
        verbose: whether to show progress.

    Raises:
        ValueError: if the data holds points, has another number of images, or there are fewer than two samples.
    """
    if data.is_points:
        raise ValueError(
            f"{data.name} holds points in the plane, whose clusters have no distances: omit --distances"
        )
    if len(labels) != len(data) or samples < 2:
        raise ValueError(
            f"there are {len(labels)} labels for {len(data)} images, and {samples} samples of each cluster: give one "
            "label per image, and at least 2 samples"
        )
    chosen = chosen_extractor(extractor, data.name, fast=True, device=generator.device)
    reference = cached_reference(
        images_of_dataset(data),
        chosen,
        layer=None,
        max_features=MAX_FEATURES,
        device=generator.device,
        cache_dir=cache_dir,
        verbose=verbose,
    )
    real, members = reference.statistics.features, torch.from_numpy(labels)[reference.statistics.rows]
    sampled = [int(cluster) for cluster in np.unique(labels)]
    batches = (quantized(generator.sample(samples, cluster, seed, by_position=True)) for cluster in sampled)
    fake = torch.cat(
        [
            batch.features[reference.layer]
            for batch in extract_batches(chosen, batches, device=generator.device, layers=[reference.layer])
        ]
    )
    fake_labels = torch.tensor(sampled).repeat_interleave(samples)
    result = frechet_by_class(real, members, fake, fake_labels, num_classes=count)
    coverages = [
        coverage_within(real[members == cluster], fake[fake_labels == cluster]) for cluster in range(count)
    ]
    distances = [None if math.isnan(each) else each for each in result.distance.tolist()]
    return ClusterScores(
        chosen.name, samples, seed, tuple(distances), tuple(coverages), tuple(result.flagged.tolist())
    )
