"""Self-Conditioned GAN: a class-conditional GAN whose classes are clusters of the discriminator's own features.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs, CVPR 2020; hyper-parameters as
released in stevliu/self-conditioned-gan (learning rate of the points 1e-4; in the paper 1e-3), without its noise of up
to one gray level on real images.
Command, cost, and expected result:
  everymode train self-conditioned-digits
      a few minutes on two cores; no label is used
  everymode train self-conditioned-grid        (or -ring)
      the paper's table 1: 25.0 (8.0) modes, 99.5 (99.5) % of high quality, reverse KL 0.006 (0.001); measured here:
      docs/results/mode_coverage.md
  everymode train self-conditioned-stacked-digits --data stacked:t10k-images-idx3-ubyte.gz
      table 2: 1,000 modes, reverse KL 0.08 (base 10); measured here, small and short: docs/results/stacked_digits.md
  everymode train self-conditioned-cifar10 --data cifar10-train.parquet
      400 passes over the data: FID 18.03, IS 7.72 (table 2); measured here, far too short for a FID:
      docs/results/self_conditioned_images.md
  torchrun --nproc-per-node 8 -m everymode train self-conditioned-imagenet128 --data imagenet/train      (-places128)
      200,000 steps: FID 40.30 (9.56), IS 15.82 (8.94) (table 4); measured here: not yet
  everymode train self-conditioned-64 --data photos
      your own images, in one flat folder
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.parts.fixed_features import KMeansLabels

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource
    from everymode.recipe import Recipe

FEWEST_CLUSTERS, MOST_CLUSTERS = 25, 250
"""Bounds of the default number of clusters; between them, results in the paper hardly differ (table 3)."""
IMAGES_PER_CLUSTER = 500
"""Images per cluster from which the default number of clusters is derived."""


def clusters_for(num_images: int) -> int:
    """Return the default number of clusters: one per 500 images, from 25 to 250, and at most one per 10 images.

    For 50,000 images it is 100, as in the paper.
    """
    clusters = min(max(num_images // IMAGES_PER_CLUSTER, FEWEST_CLUSTERS), MOST_CLUSTERS)
    return max(1, min(clusters, num_images // 10))


@dataclass(frozen=True, kw_only=True)
class Clusters(KMeansLabels):
    """Labels are clusters of the discriminator's own features; labels of the dataset are not used."""

    follows_discriminator: ClassVar[bool] = True

    clusters: int | None = None
    """Number of clusters; auto = one per 500 images, between 25 and 250, and at most one per 10 images."""
    refresh_every: int = 5000
    """Steps between two clusterings; the first one is before the first step."""
    cluster_images: int = 25_000
    """Images used per clustering; all others are assigned to the nearest center."""
    keep_centers: bool = True
    """Initialize each later clustering with the means of the old clusters in the new features."""
    match_clusters: bool = True
    """Give each new cluster the number of the old cluster with which it shares most images."""
    online: bool = False
    """After the second clustering, label each batch by D's current features and update the centers with it."""
    online_memory: int = 0
    """Largest number of images averaged in an online center; 0 = all images ever assigned to it, as in the paper."""

    @property
    def refresh_interval(self) -> int:
        return self.refresh_every

    def check(self) -> None:
        super().check()
        self.require_at_least_1("refresh_every")
        if self.online_memory < 0:
            raise ValueError(
                f"online_memory must be a number of images, or 0 for all of a center, not {self.online_memory}"
            )

    def num_labels(self, recipe: Recipe) -> int:
        """Return the number of clusters; before the data are known, an automatic one is the default for few images."""
        return self.clusters or clusters_for(max(recipe.num_images, 10 * FEWEST_CLUSTERS))

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        fewest = 2 if recipe.loss is not None and recipe.loss.tells_apart else 1
        clusters = self.clusters or max(clusters_for(facts.num_images), fewest)
        self.require_images(clusters, facts)
        return replace(recipe, labels=replace(self, clusters=clusters))

    def notes(self, recipe: Recipe) -> list[str]:
        notes = [f"labels are {self.clusters} clusters; `everymode clusters RUN` shows them during the run"]
        if self.online and self.refresh_every >= recipe.steps:
            notes.append(
                f"online updates of the centers start at step {self.refresh_every:,}, but training ends at "
                f"{recipe.steps:,}: set refresh_every to less"
            )
        return notes

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, clusters=3, refresh_every=2, cluster_starts=2)
        return replace(recipe, labels=small, num_images=40)

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        import torch

        from everymode.labels.clusters import ClusterLabels
        from everymode.labels.online_clusters import OnlineClusterLabels

        assert discriminator is not None
        shape = (2,) if recipe.takes_points else (recipe.channels, *recipe.size)
        clusters = self.num_labels(recipe)
        arguments: dict[str, Any] = {
            "num_clusters": clusters,
            "num_images": max(recipe.num_images, clusters),
            "mirrored": recipe.mirror,
            "subset": max(self.cluster_images, clusters),
            "starts": self.cluster_starts,
            "keep_centers": self.keep_centers,
            "match": self.match_clusters,
        }
        example = torch.zeros(1, *shape)
        if self.online:
            return OnlineClusterLabels(discriminator, example, memory=self.online_memory, **arguments)
        return ClusterLabels(discriminator, example, **arguments)

    def sampling_source(self, recipe: Recipe) -> LabelSource:
        from everymode.labels.clusters import ClusterSizes

        return ClusterSizes(self.num_labels(recipe))


# Released: 5,000 of 100,000 steps between two clusterings.
GRID = numbers.GRID.with_numbers(
    name="self-conditioned-grid",
    labels=Clusters(clusters=numbers.POINT_LABELS, cluster_images=10_000, refresh_every=1000),
)
RING = GRID.with_numbers(**numbers.OF_RING, name="self-conditioned-ring")

STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(
    name="self-conditioned-stacked-digits",
    labels=Clusters(clusters=numbers.IMAGE_LABELS, refresh_every=25_000),
)

CIFAR10 = numbers.CIFAR10.with_numbers(
    name="self-conditioned-cifar10",
    labels=Clusters(clusters=numbers.IMAGE_LABELS, refresh_every=25_000),
)

IMAGENET128 = numbers.IMAGENET128.with_numbers(
    name="self-conditioned-imagenet128",
    labels=Clusters(clusters=numbers.IMAGE_LABELS, cluster_images=50_000, refresh_every=75_000),
    r1_weight=0.1,
)
PLACES128 = IMAGENET128.with_numbers(name="self-conditioned-places128")

IMAGES32 = numbers.OWN_IMAGES.with_numbers(name="self-conditioned-32", labels=Clusters())
IMAGES64 = IMAGES32.with_numbers(name="self-conditioned-64", resolution=64, r1_weight=0.1)
IMAGES128 = IMAGES64.with_numbers(name="self-conditioned-128", resolution=128)

DIGITS = numbers.DIGITS.with_numbers(
    name="self-conditioned-digits",
    labels=Clusters(clusters=numbers.DIGIT_LABELS, refresh_every=250),
)
