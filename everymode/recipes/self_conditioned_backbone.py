"""Self-conditioning on BigGAN's networks, with any of their objectives: clusters of D's features are the classes.

Not in a paper: Self-Conditioned GAN (Liu et al., CVPR 2020) says that its clusters may stand for the labels of any
conditional GAN. Here they do for projection with the hinge loss (BigGAN), for the omni-loss (Omni-GAN) and for the
multi-hinge loss (Multi-hinge GAN).
Command: everymode train self-conditioned-biggan-digits        (or self-conditioned-omni-digits, or
self-conditioned-multi-hinge-digits)
Cost: two minutes on two cores. Measured here, at half the length: docs/results/clustered_losses.md (projection is best;
Self-Conditioned GAN's own networks are as good at half the cost)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from everymode.recipes import benchmark_numbers as numbers
from everymode.recipes import omni_gan
from everymode.recipes.backbone import BigGANBackbone, numbers_of
from everymode.recipes.biggan import BigGAN
from everymode.recipes.cluster_numbers import ClusterNumbers, clusters_for
from everymode.recipes.multi_hinge_gan import MultiHingeGAN
from everymode.recipes.omni_gan import OmniGAN

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, LabelSource, Objective


@dataclass(frozen=True, kw_only=True)
class ClusteredBackbone(ClusterNumbers, BigGANBackbone):
    """BigGAN's networks, with the clusters as classes."""

    fewest_clusters: ClassVar[int] = 1

    def check(self) -> None:
        super().check()
        if 0 < self.clusters < self.fewest_clusters:
            raise ValueError(
                f"{self.name} tells clusters apart: ask for at least {self.fewest_clusters}, not {self.clusters}"
            )

    def build(self) -> Game:
        if (
            self.num_classes != self.number_of_clusters
        ):  # a recipe that has seen no data since its clusters were chosen
            return replace(self, num_classes=self.number_of_clusters).build()
        return super().build()

    def needs_labels(self) -> bool:
        return False

    def for_data(self, facts: DataFacts) -> ClusteredBackbone:
        """As if each image came with its cluster as label; labels that it has are not used."""
        clusters = self.clusters or max(clusters_for(facts.num_images), self.fewest_clusters)
        labelled = replace(
            facts, num_classes=clusters, class_counts=(), num_unlabelled=0, combination_counts=()
        )
        fitted = super(ClusteredBackbone, replace(self, clusters=clusters)).for_data(labelled)
        assert isinstance(fitted, ClusteredBackbone)
        return fitted

    def game(
        self,
        objective: Objective,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None = None,
        *,
        find_labels: Callable[[nn.Module], LabelSource] | None = None,
    ) -> Game:
        def clusters(discriminator: nn.Module) -> LabelSource:
            import torch

            return self.cluster_labels(discriminator, torch.zeros(1, self.channels, *self.size))

        return super().game(objective, head, class_head, find_labels=find_labels or clusters)


@dataclass(frozen=True, kw_only=True)
class SelfConditionedBigGAN(ClusteredBackbone, BigGAN):
    """Projection discriminator, hinge loss."""


@dataclass(frozen=True, kw_only=True)
class SelfConditionedOmni(ClusteredBackbone, OmniGAN):
    """Omni-loss on K + 2 scores."""


@dataclass(frozen=True, kw_only=True)
class SelfConditionedMultiHinge(ClusteredBackbone, MultiHingeGAN):
    """Hinge loss on a projection head, multi-hinge loss on the class head beside it."""

    fewest_clusters: ClassVar[int] = 2


DIGITS = SelfConditionedBigGAN(
    **numbers_of(
        omni_gan.DIGITS,
        name="self-conditioned-biggan-digits",
        num_classes=numbers.DIGIT_LABELS,
        refresh_every=250,
        beta1=0.5,
        initialization="orthogonal",
    ),
    clusters=numbers.DIGIT_LABELS,
)
OMNI_DIGITS = SelfConditionedOmni(
    **numbers_of(DIGITS, name="self-conditioned-omni-digits"),
    clusters=DIGITS.clusters,
)
MULTI_HINGE_DIGITS = SelfConditionedMultiHinge(
    **numbers_of(DIGITS, name="self-conditioned-multi-hinge-digits"),
    clusters=DIGITS.clusters,
)
