"""What every recipe that finds its own clusters shares: their numbers, and the label source made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everymode.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import LabelSource

FEWEST_CLUSTERS, MOST_CLUSTERS = 25, 250
"""Between these the paper finds results alike (Self-Conditioned GAN, table 3)."""
IMAGES_PER_CLUSTER = 500
"""What the default number of clusters aims at."""


def clusters_for(num_images: int) -> int:
    """The default number of clusters: one for 500 images, but 25 at least and 250 at most, and never more than one for
    ten images.

    50,000 images get the paper's 100.
    """
    wanted = min(max(num_images // IMAGES_PER_CLUSTER, FEWEST_CLUSTERS), MOST_CLUSTERS)
    return max(1, min(wanted, num_images // 10))


@dataclass(frozen=True, kw_only=True)
class ClusterNumbers(Recipe):
    """Numbers of the clusters that stand for labels."""

    clusters: int = 0
    """Number of clusters; 0 = one for 500 images, between 25 and 250, and never more than one for ten images."""
    cluster_images: int = 25_000
    """Images that are clustered each time; all others take the nearest center."""
    cluster_starts: int = 10
    """Runs of k-means++ of the first clustering, of which the best is kept."""
    keep_centers: bool = True
    """Start each later clustering at the old clusters' means in the new features."""
    match_clusters: bool = True
    """Give each new cluster the number of the old one that it shares most images with."""
    online: bool = False
    """After the second clustering, label each batch in D's present features and let the centers follow it."""
    online_memory: int = 0
    """Images that weigh in a center that follows, at most; 0 = all that it was ever given, as in the paper."""

    def check(self) -> None:
        super().check()
        if self.clusters < 0 or self.cluster_starts < 1:
            raise ValueError(
                f"clusters must be 0 (as many as suit the data) or more, and cluster_starts 1 or more, not "
                f"{self.clusters} and {self.cluster_starts}"
            )
        if self.cluster_images < max(self.clusters, 1):
            raise ValueError(
                f"{self.clusters} clusters can't be found in {self.cluster_images} images: raise cluster_images, or "
                "ask for fewer clusters"
            )
        if self.online_memory < 0:
            raise ValueError(
                f"online_memory is a number of images, 0 (all of a center) or more, not {self.online_memory}"
            )
        if self.refresh_every < 1:
            raise ValueError(
                f"{self.name or 'this recipe'} clusters its images every refresh_every steps, at least 1, not "
                f"{self.refresh_every}"
            )

    def for_data(self, facts: DataFacts) -> ClusterNumbers:
        """Raises ValueError where there are fewer images than clusters."""
        fitted = super().for_data(facts)
        assert isinstance(fitted, ClusterNumbers)
        clusters = self.clusters or clusters_for(facts.num_images)
        if clusters > facts.num_images:
            raise ValueError(
                f"{clusters} clusters can't be found in the {facts.num_images:,} examples of {facts.name}: ask for "
                "fewer (the default suits the data), or give more images"
            )
        return replace(fitted, clusters=clusters)

    def notes(self) -> list[str]:
        return [
            *super().notes(),
            f"{self.clusters} clusters stand for labels; `everymode clusters` shows them once the run has begun",
        ]

    def shrunk(self) -> ClusterNumbers:
        smaller = replace(super().shrunk(), clusters=3, refresh_every=2, cluster_starts=2, num_images=40)
        assert isinstance(smaller, ClusterNumbers)
        return smaller

    @property
    def number_of_clusters(self) -> int:
        """As chosen; for a recipe that has seen no data yet, what would suit its number of images."""
        return self.clusters or clusters_for(max(self.num_images, 10 * FEWEST_CLUSTERS))

    def cluster_labels(self, discriminator: nn.Module, example: Tensor) -> LabelSource:
        """The label source of these numbers."""
        from everymode.labels.clusters import ClusterLabels
        from everymode.labels.online_clusters import OnlineClusterLabels

        numbers: dict[str, Any] = {
            "num_clusters": self.number_of_clusters,
            "num_images": max(self.num_images, self.number_of_clusters),
            "mirrored": self.mirror,
            "subset": max(self.cluster_images, self.number_of_clusters),
            "starts": self.cluster_starts,
            "keep_centers": self.keep_centers,
            "match": self.match_clusters,
        }
        if self.online:
            return OnlineClusterLabels(discriminator, example, memory=self.online_memory, **numbers)
        return ClusterLabels(discriminator, example, **numbers)
