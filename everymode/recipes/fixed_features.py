"""What the recipes share whose labels are clusters of features that are learnt first, and clustered once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes.small_gan import SmallGAN

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game
    from everymode.training.preparation import Preparation

KEPT = "clusters.safetensors"
"""The file of a run's folder with the extractor, the centers and the cluster of each image."""


@dataclass(frozen=True, kw_only=True)
class FixedFeaturesGAN(SmallGAN):
    """The cluster is a unit vector beside z, and picks one of D's outputs.

    A subclass says what features are: `extractor`, and `learn_features`.
    """

    clusters: int = numbers.IMAGE_LABELS
    """Number of clusters."""
    cluster_images: int = 50_000
    """Images that are clustered; all others take the nearest center."""
    cluster_starts: int = 10
    """Runs of k-means++, of which the best is kept."""

    def check(self) -> None:
        super().check()
        if self.clusters < 1 or self.cluster_starts < 1:
            raise ValueError(
                f"clusters and cluster_starts must be at least 1, not {self.clusters} and {self.cluster_starts}"
            )
        if self.cluster_images < self.clusters:
            raise ValueError(
                f"{self.clusters} clusters can't be found in {self.cluster_images} images: raise cluster_images, or "
                "ask for fewer clusters"
            )

    def for_data(self, facts: DataFacts) -> FixedFeaturesGAN:
        """Raises ValueError where there are fewer images than clusters."""
        if self.clusters > facts.num_images:
            raise ValueError(
                f"{self.clusters} clusters can't be found in the {facts.num_images:,} images of {facts.name}: ask for "
                "fewer, or give more images"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, FixedFeaturesGAN)
        return fitted

    def notes(self) -> list[str]:
        return [
            *super().notes(),
            f"{self.clusters} clusters of {self.features_name()} stand for labels: they are found first, once",
        ]

    def shrunk(self) -> FixedFeaturesGAN:
        smaller = replace(super().shrunk(), clusters=3, cluster_starts=2)
        assert isinstance(smaller, FixedFeaturesGAN)
        return smaller

    def features_name(self) -> str:
        """What is clustered, in a word or two."""
        raise NotImplementedError

    def extractor(self) -> nn.Module:
        """A network with `features(x) -> [B, F]`, not yet learnt."""
        raise NotImplementedError

    def extractor_example(self) -> Tensor:
        """One example from which the extractor tells F."""
        return self.example()

    def learn_features(self, extractor: nn.Module, data: Any, preparation: Preparation) -> None:
        """Train the extractor in place, unless there is nothing to learn."""

    def build(self) -> Game:
        from everymode.labels.fixed_clusters import FixedClusters

        labels = FixedClusters(
            self.extractor(),
            self.extractor_example(),
            num_clusters=self.clusters,
            num_images=max(self.num_images, self.clusters),
            mirrored=self.mirror,
            subset=self.cluster_images,
            starts=self.cluster_starts,
        )
        return self.game(self.networks(self.clusters), labels)

    def prepare(self, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn the features and cluster them, or load what was found; a run that was killed on the way goes on."""
        from everymode.draws import Draws, Rows
        from everymode.labels.fixed_clusters import FixedClusters

        labels = game.labels
        assert isinstance(labels, FixedClusters)
        if not preparation.recall(labels, KEPT):
            self.learn_features(labels.teacher, data, preparation)
            preparation.say(
                f"clustering {self.features_name()} of {min(self.cluster_images, len(data)):,} images"
            )
            draws = Draws(self.seed, "fixed clusters", Rows.all(1), preparation.device, labels.centers.dtype)
            labels.cluster(data, draws)
            preparation.keep(labels, KEPT)
        largest = float(labels.counts.max() / labels.counts.sum())
        preparation.say(
            f"{self.clusters} clusters of {self.features_name()}: the largest has {largest:.1%} of the images, "
            f"{int((labels.counts == 0).sum())} have none"
        )
