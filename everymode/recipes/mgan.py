"""MGAN: several generators that share all but their first layer, and a classifier that distinguishes their samples.

Paper: Hoang, Nguyen, Le, Phung: MGAN: Training Generative Adversarial Nets with Multiple Generators (ICLR 2018);
released as qhoangdl/MGAN. Networks and hyper-parameters: Liu et al., Diverse Image Generation via Self-Conditioned GANs
(CVPR 2020), with beta 0.125 for both players in the plane; on images those of the release: ten generators, beta 0.01,
and a classifier with weight 1. Differences: here the generators share the normalization after the first layer, which
each has separately there, and each draws its own z.
Command and expected result:
  everymode train mgan-grid        (-ring, -digits)
      table 1, grid: 25.0 modes, 40.7 % of high quality; measured here: docs/results/mode_coverage.md
  everymode train mgan-stacked-digits        mgan-cifar10 --data cifar10-train.parquet
      not in the paper's table 2; measured here, small and short: docs/results/stacked_digits.md
  torchrun --nproc-per-node 8 -m everymode train mgan-imagenet128 --data imagenet/train
      table 4: FID 58.88, IS 13.22; measured here: not yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from everymode.part import FirstLayer, Head, Labels
from everymode.recipes import benchmark_numbers as numbers

if TYPE_CHECKING:
    from torch import nn

    from everymode.game import LabelSource, Weighted
    from everymode.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Generators(Labels):
    """Labels of fakes are their generators, which a class head on D's features predicts; reals have no label."""

    several_generators: ClassVar[bool] = True

    generators: int = 10
    """Number of generators; each draws an equal part of the batch."""
    diversity_weight: float = 0.01
    """Weight of the classification of generators in the generators' loss (the paper's beta)."""
    classifier_weight: float = 1.0
    """Weight of the classification of generators in D's loss (beta in the paper, 1 in the released code)."""

    def check(self) -> None:
        if self.generators < 2:
            raise ValueError(f"generators must be at least 2, not {self.generators}; for one: --labels none")
        self.require_at_least_0("diversity_weight", "classifier_weight")

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, labels=replace(self, generators=3))

    def num_labels(self, recipe: Recipe) -> None:
        """Return None: only the first layer depends on the generator."""
        return

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        from everymode.labels.generators import GeneratorLabels

        return GeneratorLabels(self.generators)

    def class_head(self) -> Head:
        from everymode.networks.heads import ClassifierHead

        return partial(ClassifierHead, num_outputs=self.generators)

    def first_layer(self) -> FirstLayer:
        from everymode.networks.per_generator import PerGeneratorLinear

        return partial(PerGeneratorLinear, num_generators=self.generators)

    def terms(self, source: LabelSource) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        from everymode.game import Weighted
        from everymode.losses.classification import class_cross_entropy, classification_of_fakes

        term = classification_of_fakes(class_cross_entropy, num_classes=self.generators)
        return (
            (Weighted("generator of fakes", term, self.classifier_weight),),
            (Weighted("generator of fakes", term, self.diversity_weight),),
        )


GRID = numbers.GRID.with_numbers(
    name="mgan-grid",
    labels=Generators(generators=numbers.POINT_LABELS, diversity_weight=0.125, classifier_weight=0.125),
)
RING = GRID.with_numbers(**numbers.OF_RING, name="mgan-ring")
DIGITS = numbers.DIGITS.with_numbers(name="mgan-digits", labels=Generators())
STACKED_DIGITS = numbers.STACKED_DIGITS.with_numbers(name="mgan-stacked-digits", labels=Generators())
CIFAR10 = numbers.CIFAR10.with_numbers(name="mgan-cifar10", labels=Generators())
IMAGENET128 = numbers.IMAGENET128.with_numbers(name="mgan-imagenet128", labels=Generators())
PLACES128 = IMAGENET128.with_numbers(name="mgan-places128")
