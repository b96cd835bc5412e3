"""Clusters of features that are learned first, and clustered once: what Logo-GAN's and RotNet's labels share."""

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
"""The file of a run's folder with the extractor, the centers and the cluster of each image."""


@dataclass(frozen=True, kw_only=True)
class KMeansLabels(Labels):
    """Clusters of features of the images; `num_labels` says how many."""

    cluster_images: int = 50_000
    """Images that are clustered each time; all others take the nearest center."""
    cluster_starts: int = 10
    """Runs of k-means++ of the first clustering, of which the best is kept."""

    def check(self) -> None:
        self.require_at_least_1("clusters", "cluster_images", "cluster_starts")
        clusters = getattr(self, "clusters", None) or 1
        if self.cluster_images < clusters:
            raise ValueError(
                f"{clusters} clusters can't be found in {self.cluster_images} images: raise cluster_images, or ask for "
                "fewer clusters"
            )

    def require_images(self, clusters: int, facts: DataFacts) -> None:
        """Raise ValueError where there are fewer images than clusters."""
        if clusters > facts.num_images:
            raise ValueError(
                f"{clusters} clusters can't be found in the {facts.num_images:,} examples of {facts.name}: ask for "
                "fewer, or give more images"
            )


@dataclass(frozen=True, kw_only=True)
class FixedFeatures(KMeansLabels):
    """Clusters found once. A subclass says what features are: `extractor`, and `learn_features`."""

    clusters: int = 100
    """Number of clusters."""

    def num_labels(self, recipe: Recipe) -> int:
        return self.clusters

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """Raises ValueError where there are fewer images than clusters."""
        self.require_images(self.clusters, facts)
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        return [
            f"{self.clusters} clusters of {self.features_name()} stand for labels: they are found first, once"
        ]

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, labels=replace(self, clusters=3, cluster_starts=2))

    def features_name(self) -> str:
        """What is clustered, in a word or two."""
        raise NotImplementedError

    def extractor(self, recipe: Recipe) -> nn.Module:
        """A network with `features(x) -> [B, F]`, not yet learned."""
        raise NotImplementedError

    def extractor_example(self, recipe: Recipe) -> Tensor:
        """One example from which the extractor tells F."""
        import torch

        return torch.zeros(1, 2) if recipe.takes_points else torch.zeros(1, recipe.channels, *recipe.size)

    def learn_features(
        self, recipe: Recipe, extractor: nn.Module, data: Any, preparation: Preparation
    ) -> None:
        """Train the extractor in place, unless there is nothing to learn."""

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

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn the features and cluster them, or load what was found; a run that was killed on the way goes on."""
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
    """Features of a network that is trained first, on a task of its own."""

    feature_steps: int = 20_000
    """Steps of that network's training."""
    feature_batch: int = 64
    """Images in a step of it."""
    feature_lr: float = 1e-3
    """Its learning rate (Adam)."""

    def check(self) -> None:
        super().check()
        self.require_at_least_1("feature_steps", "feature_batch")
        if not 0 < self.feature_lr < math.inf:
            raise ValueError(f"feature_lr must be a number above 0, not {self.feature_lr}")

    def shrunk(self, recipe: Recipe) -> Recipe:
        small = replace(self, feature_steps=2, feature_batch=8)
        return super(LearnedFeatures, small).shrunk(recipe)

    def pretraining(self, recipe: Recipe, name: str) -> Any:
        """How `everymode.training.pretraining.pretrain` trains the network."""
        from everymode.training.pretraining import Pretraining

        return Pretraining(
            name=name,
            steps=self.feature_steps,
            batch_size=self.feature_batch,
            learning_rate=self.feature_lr,
            mirror=recipe.mirror,
            seed=recipe.seed,
        )
