"""What the recipes on BigGAN's networks share: their numbers, and how generator and discriminator are built.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019; layouts and
initialization follow ajbrock/BigGAN-PyTorch, which Omni-GAN and others use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from everymode.recipe import Recipe
from everymode.recipes.augmentation import augmentation_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, LabelSource, Objective


@dataclass(frozen=True, kw_only=True)
class BigGANBackbone(Recipe):
    """Numbers of BigGAN's networks."""

    takes_label_blocks: ClassVar[bool] = False
    """Whether its images may have several labels each."""
    averages_over_unlabelled: ClassVar[bool] = False
    """Whether the discriminator's cost of reals is the mean of labelled and unlabelled ones: half of a batch, or more,
    is then labelled (`half_labelled`)."""

    shared_dim: int = 0
    """Length of the label embedding that the generator's layers share; 0 = a table per layer (as on CIFAR)."""
    hierarchical: bool = False
    """Feed a chunk of z to every block of the generator (needs shared_dim)."""
    generator_attention: int = 0
    """Grid size after which the generator attends to itself; 0 = nowhere."""
    discriminator_attention: int = 0
    """Grid size after which the discriminator attends to itself; 0 = nowhere."""
    initialization: Literal["normal", "orthogonal", "glorot"] = "normal"
    """Initial weights: N(0, 0.02), orthogonal, or Glorot's uniform with biases of zero."""
    spectral_epsilon: float = 1e-8
    """Epsilon of spectral normalization."""
    normalize_embeddings: bool = False
    """Normalize the generator's label tables too (as SAGAN does)."""
    tapered: bool = False
    """Quarter width in the generator's last and the discriminator's first block (SAGAN at 32 pixels)."""
    r1_weight: float = 0.0
    """Weight of R1, the squared gradient of D at real images (half of a published gamma); 0 = none."""
    lecam_weight: float = 0.0
    """Weight of LeCam regularization (published on CIFAR: 0.3); 0 = none."""
    consistency_weight: float = 0.0
    """Weight of consistency under small shifts of real images (CR; published: 10); 0 = none."""
    fake_consistency_weight: float = 0.0
    """The same for generated images; both together are bCR."""
    doublings: int = 0
    """Times that the generator doubles its first grid; 0 = as often as keeps that grid at 4 pixels or more."""
    circular_padding: bool = False
    """Circular padding in the discriminator's 3x3 convolutions, in place of zeros."""
    fused_resampling: bool = True
    """Do up- and down-sampling and the convolution beside them as one operation: exact, and faster on most machines."""

    def shrunk(self) -> BigGANBackbone:
        smaller = replace(
            super().shrunk(),
            width=8
            if self.generator_attention or self.discriminator_attention
            else 4,  # attention asks for 8
            latent_dim=24,
            shared_dim=min(self.shared_dim, 8),
            num_classes=(3,) * len(self.block_sizes) if isinstance(self.num_classes, tuple) else 3,
        )
        assert isinstance(smaller, BigGANBackbone)
        return smaller

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """The number of classes; with several labels an image (label blocks), one number a block."""
        return self.num_classes if isinstance(self.num_classes, tuple) else (self.num_classes,)

    def check(self) -> None:
        super().check()
        self.require_at_least_0("r1_weight", "lecam_weight", "consistency_weight", "fake_consistency_weight")
        if self.labelled_share and not self._labelled_rows:
            raise ValueError(
                f"labelled_share is {self.labelled_share}, which is not one row of a batch of {self.batch_size}: give "
                f"at least {1 / self.batch_size:.3g}, or 0 to show images as the data have them"
            )

    def require_at_least_0(self, *names: str) -> None:
        """Raise ValueError for weights and margins that are negative, infinite or not a number."""
        for name in names:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 (none) or more, not {getattr(self, name)}")

    def needs_labels(self) -> bool:
        return True

    def for_data(self, facts: DataFacts) -> BigGANBackbone:
        """Raises ValueError for points, for images without labels where labels are needed, and for images with several
        labels each where only one is taken.
        """
        if len(facts.image_shape) != 3:
            raise ValueError(
                f"{facts.name} holds points, and {self.name} draws images: choose a recipe for points"
            )
        if self.needs_labels() and facts.num_classes and not any(facts.class_counts):
            raise ValueError(
                f"none of the {facts.num_images:,} images of {facts.name} has a label, and {self.name} conditions on "
                "labels: label some of them, or choose another recipe"
            )
        if isinstance(facts.num_classes, tuple) and not self.takes_label_blocks:
            raise ValueError(
                f"each image of {facts.name} has {len(facts.num_classes)} labels, and {self.name} conditions on one: "
                "choose one of them (for shapes: --data shapes:labels=shape), or a recipe such as omni-gan-32"
            )
        fitted = super().for_data(facts)
        assert isinstance(fitted, BigGANBackbone)
        return fitted.half_labelled(facts) if self.averages_over_unlabelled else fitted

    def game(
        self,
        objective: Objective,
        head: Callable[[int], nn.Module],
        class_head: Callable[[int], nn.Module] | None = None,
        *,
        find_labels: Callable[[nn.Module], LabelSource] | None = None,
    ) -> Game:
        """The game of these networks, the data's labels and this objective.

        Args:
            head: width F of D's features -> head: features [B, F], condition -> scores.
            class_head: the same for an auxiliary class head, whose logits are the Verdict's `classes`.
            find_labels: discriminator -> a label source in place of the data's labels.
        """
        from everymode.game import Game

        generator, discriminator = self.networks(head, class_head)
        augment = augmentation_of(self)
        labels = self.given_labels() if find_labels is None else find_labels(discriminator)
        return Game(generator, discriminator, labels, self._regularized(objective), augment)

    def _regularized(self, objective: Objective) -> Objective:
        """The objective with the regularization terms whose weights are set."""
        from everymode.augment.diffaug import diff_augment, translation
        from everymode.game import Weighted
        from everymode.losses.consistency import balanced_consistency
        from everymode.losses.lecam import LeCam
        from everymode.losses.penalties import r1

        terms = list(objective.discriminator_terms)
        if self.r1_weight:
            terms.append(Weighted("r1", r1(), self.r1_weight))
        if self.lecam_weight:
            terms.append(Weighted("lecam", LeCam(), self.lecam_weight))
        if self.fake_consistency_weight or self.consistency_weight:
            term = balanced_consistency(
                diff_augment(translation),
                real_factor=self.consistency_weight,
                fake_factor=self.fake_consistency_weight,
            )
            terms.append(Weighted("consistency", term))
        return replace(objective, discriminator_terms=tuple(terms))

    def output_head(self) -> Callable[[int, int], nn.Module] | None:
        """What ends the generator: (feature channels, image channels) -> head(features, size); None: a convolution."""
        return None

    def networks(
        self, head: Callable[[int], nn.Module], class_head: Callable[[int], nn.Module] | None = None
    ) -> tuple[nn.Module, nn.Module]:
        """Generator and discriminator, initialized, both with spectral normalization.

        The generator's embedding tables stay as they are, as in BigGAN's code, unless `normalize_embeddings` says
        otherwise; the discriminator's are normalized.
        """
        import torch

        from everymode.networks.biggan import (
            BigGANDiscriminator,
            BigGANGenerator,
            DiscriminatorLayout,
            discriminator_layout,
            generator_widths,
        )
        from everymode.networks.initialization import (
            glorot_uniform_initialization,
            normal_initialization,
            orthogonal_initialization,
        )
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights, without_embeddings

        self.require_classes(1)
        widths = generator_widths(self.size, self.width, doublings=self.doublings or None)
        layout = discriminator_layout(self.size, self.width, doublings=self.doublings or None)
        if self.tapered:
            widths = (*widths[:-1], self.width)
            layout = DiscriminatorLayout((self.width, *layout.widths[1:]), layout.halvings)
        generator = BigGANGenerator(
            self.size,
            widths=widths,
            num_classes=self.num_classes,
            latent_dim=self.latent_dim,
            channels=self.channels,
            shared_dim=self.shared_dim or None,
            hierarchical=self.hierarchical,
            attention=(self.generator_attention,) if self.generator_attention else (),
            output=self.output_head(),
            fused=self.fused_resampling,
        )
        discriminator = BigGANDiscriminator(
            self.size,
            head=head,
            widths=layout.widths,
            halvings=layout.halvings,
            class_head=class_head,
            channels=self.channels,
            attention=(self.discriminator_attention,) if self.discriminator_attention else (),
            circular=self.circular_padding,
            fused=self.fused_resampling,
        )
        initialize = {
            "normal": normal_initialization,
            "orthogonal": orthogonal_initialization,
            "glorot": partial(glorot_uniform_initialization, zero_biases=True),
        }[self.initialization]
        rule = spectral_norm(epsilon=self.spectral_epsilon)
        images = torch.zeros(1, self.channels, *self.size)
        shape = (1, len(self.block_sizes)) if isinstance(self.num_classes, tuple) else (1,)
        label = torch.zeros(shape, dtype=torch.long)
        initialize(generator)
        initialize(discriminator)
        z = torch.zeros(1, generator.latent_dim)
        included = None if self.normalize_embeddings else without_embeddings
        normalize_weights(generator, rule, z, label, include=included)
        self.normalize_discriminator(discriminator, images, label)
        return generator, discriminator

    def normalize_discriminator(self, discriminator: nn.Module, *example: Tensor) -> None:
        """Spectral normalization of the discriminator's weights; a recipe with another normalization overrides this.

        Args:
            example: what the discriminator takes.
        """
        from everymode.norms.spectral import spectral_norm
        from everymode.norms.weight import normalize_weights

        normalize_weights(discriminator, spectral_norm(epsilon=self.spectral_epsilon), *example)

    def require_classes(self, at_least: int) -> int:
        """The number of classes (with several label blocks: of the smallest one).

        Raises ValueError if there are fewer than `at_least`.
        """
        if isinstance(self.num_classes, tuple) and not self.takes_label_blocks:
            raise ValueError(
                f"{self.name} conditions on one label an image, and the data has {len(self.num_classes)}: choose one "
                "of them, or a recipe such as omni-gan-32"
            )
        fewest = min(self.block_sizes)
        if fewest < 1:
            raise ValueError(
                f"{self.name} conditions on labels, and the data has none: choose another recipe"
            )
        if fewest < at_least and isinstance(self.num_classes, tuple):
            raise ValueError(
                f"{self.name} tells classes apart, and one of an image's labels has {fewest}: leave that label out"
            )
        if fewest < at_least:
            raise ValueError(
                f"{self.name} tells classes apart, and the data has {fewest}: choose another recipe, such as "
                "biggan, which needs one only"
            )
        return fewest

    def require_all_labelled(self, facts: DataFacts, instead: str) -> None:
        """Raises ValueError for data of which some images have no label: plain projection needs one for each.

        Args:
            instead: what to choose for such data, and what that does with them.
        """
        if facts.num_unlabelled:
            raise ValueError(
                f"{facts.num_unlabelled:,} of {facts.num_images:,} images of {facts.name} have no label, and "
                f"{self.name} needs one for each: label them, take them out, or choose {instead}"
            )

    def half_labelled(self, facts: DataFacts) -> BigGANBackbone:
        """With half of every batch of labelled images, where some images have no label and no share is asked for.

        So the discriminator's term of reals is the mean of both kinds' (Multi-hinge GAN, equation 8). Where more than
        half of the images are labelled the batch has as many as the data: few strays are not shown again and again.
        """
        if facts.num_unlabelled and self.labelled_share is None:
            labelled = 1 - facts.num_unlabelled / facts.num_images
            return replace(self, labelled_share=max(0.5, labelled))
        return self

    def notes(self) -> list[str]:
        told = super().notes()
        if not self.labelled_share or isinstance(self.num_classes, tuple):
            return told
        rows, unlabelled = self._labelled_rows, self.num_images - sum(self.class_counts)
        if rows == self.batch_size:
            return [
                *told,
                f"{unlabelled:,} images have no label, too few for a row of each batch: they are not shown",
            ]
        return [
            *told,
            f"{unlabelled:,} of {self.num_images:,} images have no label: {rows} rows of each batch of "
            f"{self.batch_size} are of labelled images (labelled_share)",
        ]

    @property
    def labelled_rows_share(self) -> float:
        """The share of a batch that really is labelled: `labelled_share` in whole rows; 1 where nothing is asked."""
        if not self.labelled_share:
            return 1.0
        return self._labelled_rows / self.batch_size

    @property
    def _labelled_rows(self) -> int:
        """As `MixedOrder` rounds it."""
        return int((self.labelled_share or 0.0) * self.batch_size + 0.5)

    def given_labels(self) -> LabelSource:
        """The data's labels; fakes' labels uniform or as frequent as in the data: several labels of an image together.

        Raises ValueError if labels are to be as frequent as in the data, and no image of it has all of its labels.
        """
        from everymode.labels.given import GivenLabels

        if self.fake_labels != "data":
            return GivenLabels(self.num_classes)
        if not isinstance(self.num_classes, tuple):
            return GivenLabels(self.num_classes, self.class_counts)
        if not self.combination_counts:
            raise ValueError(
                "fake_labels is data, but no image has all of its labels, so it is not known which go together: choose "
                "uniform"
            )
        combinations = [each[:-1] for each in self.combination_counts]
        counts = [each[-1] for each in self.combination_counts]
        return GivenLabels(self.num_classes, counts, combinations=combinations)


def numbers_of(recipe: BigGANBackbone, **changes: Any) -> dict[str, Any]:
    """The numbers that all recipes on these networks share, as arguments for another class of recipe."""
    shared = {each.name: getattr(recipe, each.name) for each in fields(BigGANBackbone)}
    return shared | changes
