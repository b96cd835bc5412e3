"""Labels by clusters of fixed features, which are learned first and clustered once: base of Logo-GAN and RotNet GAN."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from everymode.part import Labels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, LabelSource
    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation

KEPT = "clusters.safetensors"
"""File in the run folder with the feature extractor, the cluster centers and the cluster of each image."""


@dataclass(frozen=True, kw_only=True)
class KMeansLabels(Labels):
    """Labels by k-means clusters of image features; `num_labels` returns their number."""

    cluster_images: int = 50_000
    """Images used per clustering; all others are assigned to the nearest center."""
    cluster_starts: int = 10
    """Number of k-means++ runs of the first clustering; the best one is used."""

    def check(self) -> None:
        self.require_at_least_1("clusters", "cluster_images", "cluster_starts")
        clusters = getattr(self, "clusters", None) or 1
        if self.cluster_images < clusters:
            raise ValueError(
                f"{clusters} clusters need at least as many images, not {self.cluster_images}: raise cluster_images or "
                "reduce clusters"
            )

    def require_images(self, clusters: int, facts: DataFacts) -> None:
        """Raise ValueError if there are fewer images than clusters."""
        if clusters > facts.num_images:
            raise ValueError(
                f"{clusters} clusters need at least as many examples, not the {facts.num_images:,} of {facts.name}: "
                "reduce clusters, or add examples"
            )


@dataclass(frozen=True, kw_only=True)
class FixedFeatures(KMeansLabels):
    """Labels by one clustering of fixed features. Subclasses define the features: `extractor` and `learn_features`."""

    clusters: int = 100
    """Number of clusters."""

    def num_labels(self, recipe: Recipe) -> int:
        return self.clusters

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        self.require_images(self.clusters, facts)
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        return [
            f"labels are {self.clusters} clusters of {self.features_name()}, computed once before training"
        ]

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, labels=replace(self, clusters=3, cluster_starts=2))

    def features_name(self) -> str:
        """Return the name of the features in sentences."""
        raise NotImplementedError

    def extractor(self, recipe: Recipe) -> nn.Module:
        """Return a network with `features(x) -> [B, F]`, not yet trained."""
        raise NotImplementedError

    def extractor_example(self, recipe: Recipe) -> Tensor:
        """Return an input of the extractor, from which F is determined."""
        import torch

        return torch.zeros(1, 2) if recipe.takes_points else torch.zeros(1, recipe.channels, *recipe.size)

    def learn_features(
        self, recipe: Recipe, extractor: nn.Module, data: Any, preparation: Preparation
    ) -> None:
        """Train the extractor in place, if it must be trained."""

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.fixed_clusters import FixedClusters

        return FixedClusters(
            self.extractor(recipe),
            self.extractor_example(recipe),
            num_clusters=self.clusters,
            num_images=max(recipe.num_images, self.clusters),
            mirrored=recipe.mirror,
            subset=self.cluster_images,
            starts=self.cluster_starts,
        )

    def sampling_source(self, recipe: Recipe) -> LabelSource:
        from everymode.labels.clusters import ClusterSizes

        return ClusterSizes(self.num_labels(recipe))

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn the features and cluster them, or load the saved clusters. An interrupted run resumes."""
        from everymode.draws import Draws, Rows
        from everymode.labels.fixed_clusters import FixedClusters

        labels = game.labels
        assert isinstance(labels, FixedClusters)
        if not preparation.recall(labels, KEPT):
            self.learn_features(recipe, labels.teacher, data, preparation)
            preparation.say(
                f"clustering {self.features_name()} of {min(self.cluster_images, len(data)):,} images"
            )
            draws = Draws(
                recipe.seed, "fixed clusters", Rows.all(1), preparation.device, labels.centers.dtype
            )
            labels.cluster(data, draws)
            preparation.keep(labels, KEPT)
        largest = float(labels.counts.max() / labels.counts.sum())
        preparation.say(
            f"{self.clusters} clusters of {self.features_name()}: the largest has {largest:.1%} of the images, "
            f"{int((labels.counts == 0).sum())} have none"
        )


@dataclass(frozen=True, kw_only=True)
class LearnedFeatures(FixedFeatures):
    """Labels by clusters of the features of a network that is trained first, on another task."""

    feature_steps: int = 20_000
    """Training steps of the feature network."""
    feature_batch: int = 64
    """Batch size of the feature network's training."""
    feature_lr: float = 1e-3
    """Learning rate (Adam) of the feature network."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("feature_steps", "feature_batch")
        if not 0 < self.feature_lr < math.inf:
            raise ValueError(f"feature_lr must be above 0 and finite, not {self.feature_lr}")

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, feature_steps=2, feature_batch=8)
        return super(LearnedFeatures, small).shrunk(recipe)

    def pretraining(self, recipe: Recipe, name: str) -> Any:
        """Return the settings of `everymode.training.pretraining.pretrain`."""
        from everymode.training.pretraining import Pretraining

        return Pretraining(
            name=name,
            steps=self.feature_steps,
            batch_size=self.feature_batch,
            learning_rate=self.feature_lr,
            mirror=recipe.mirror,
            seed=recipe.seed,
        )
