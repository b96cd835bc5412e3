"""Parts: the values of which a recipe is made. Each knows its numbers, refuses impossible ones and builds its piece.

A part is a frozen dataclass and imports no torch at its head, so that a command line can list and check it at once.
Each class here is the contract of a kind; the parts of the papers stand in `everymode.recipes`. A part of your own
derives from one of them. Whether parts fit together is asked in `everymode.fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from everymode.numbers import require_finite, require_types

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.data.facts import DataFacts
    from everymode.game import AdversarialLoss, Game, LabelSource, Weighted
    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation

Head = Callable[[int], "nn.Module"]
"""Width F of a discriminator's features -> a module that is called as module(features [B, F], condition)."""
FirstLayer = Callable[[int, int], "nn.Module"]
"""(inputs, outputs) -> a generator's first layer, called as layer(z, condition)."""
Constraint = Callable[["nn.Module"], None]
"""What is done to a network in place."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What all kinds have in common."""

    kind: ClassVar[str]
    """The recipe's field that holds parts of this kind."""

    def __post_init__(self) -> None:
        require_types(self)
        self.check()
        require_finite(self)

    def check(self) -> None:
        """Raise ValueError, in a sentence, for numbers that this part can't have."""

    def check_in(self, recipe: Recipe) -> None:
        """Raise ValueError for numbers of the recipe's data and training that this part can't do with."""

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """The recipe, which does not hold the data's facts yet, with what this part derives from them.

        Raises ValueError for data that this part can't do with.
        """
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        """Sentences that `train` prints first: what was derived from the data, and why."""
        return []

    def shrunk(self, recipe: Recipe) -> Recipe:
        """The recipe with this part at toy size, where three steps take seconds."""
        return recipe

    def require_at_least_0(self, *names: str) -> None:
        """Raise ValueError for weights and margins that are negative, infinite or not a number."""
        for name in names:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 (none) or more, not {getattr(self, name)}")

    def require_at_least_1(self, *names: str) -> None:
        """Raise ValueError for counts below 1; None, which is chosen automatically, passes."""
        for name in names:
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True)
class NetworkNeeds:
    """What a pair of networks must be built for."""

    size: tuple[int, int]
    """(height, width) of the images."""
    channels: int
    num_labels: int | tuple[int, ...] | None
    """Labels that the generator is told; a tuple for several an image; None = it is told none."""
    head: Head
    """The discriminator's head."""
    class_head: Head | None = None
    """An auxiliary class head, whose logits are the Verdict's `classes`."""
    first: FirstLayer | None = None
    """The generator's first layer, in place of a linear layer on z and the label's embedding."""
    feature_norm: Head | None = None
    """channels -> what normalizes the discriminator's features; None = what the published discriminator has."""


@dataclass(frozen=True, kw_only=True)
class Networks(Part):
    """Which generator and discriminator play, with the generator's own weight rule."""

    kind: ClassVar[str] = "networks"
    takes_points: ClassVar[bool] = False
    """Whether it draws points in the plane, not images."""
    takes_label_blocks: ClassVar[bool] = False
    """Whether the generator may be told several labels an image."""
    takes_first_layer: ClassVar[bool] = False
    """Whether the generator's first layer may be one per generator."""
    normalizes_batches: ClassVar[bool] = False
    """Whether the published discriminator has batch normalization."""

    width: int = 64
    """Base number of channels of the networks."""
    latent_dim: int = 128
    """Length of the latent code z."""
    pack: int = 1
    """Examples that the discriminator judges together (PacGAN)."""
    packs: int | None = None
    """Packs that the discriminator judges at once, so that the batch has pack times as many examples; auto = as many as
    the batch gives."""

    @property
    def takes_feature_norm(self) -> bool:
        """Whether layer or batch normalization may be put into the discriminator."""
        return False

    @property
    def has_blocks(self) -> bool:
        """Whether the discriminator has residual blocks, which can be normalized apart from the rest."""
        return False

    def check(self) -> None:
        self.require_at_least_1("width", "latent_dim", "pack", "packs")

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        return replace(recipe, batch_size=self.packs * self.pack) if self.packs else recipe

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, networks=replace(self, packs=None))

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        """Generator and discriminator, initialized from torch's global generator, the generator under its own weight
        rule; the discriminator, not yet normalized, takes `pack` times as many channels.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pair(): define it")

    def example(self, needs: NetworkNeeds) -> tuple[Tensor, Tensor | None]:
        """What the discriminator takes: one example (one pack) of zeros, and a label of each kind, or None."""
        import torch

        shape = (2,) if self.takes_points else (needs.channels, *needs.size)
        labels = needs.num_labels
        blocks = (1, len(labels)) if isinstance(labels, tuple) else (1,)
        label = None if labels is None else torch.zeros(blocks, dtype=torch.long)
        return torch.zeros(self.pack, *shape), label

    def for_codes(self, code_dim: int) -> Networks:
        """The same networks for an autoencoder with codes of this length."""
        return replace(self, latent_dim=code_dim, pack=1, packs=None)


@dataclass(frozen=True)
class LossPieces:
    """What a loss is made of, for a number of labels."""

    adversarial: AdversarialLoss
    head: Head
    class_head: Head | None = None
    discriminator_terms: tuple[Weighted, ...] = ()
    generator_terms: tuple[Weighted, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Loss(Part):
    """The objective of both players, and the head that the discriminator needs for it."""

    kind: ClassVar[str] = "loss"
    called: ClassVar[str]
    """Its name in sentences."""
    tells_apart: ClassVar[bool] = False
    """Whether it tells labels apart, so that it takes two or more."""
    takes_label_blocks: ClassVar[bool] = False
    """Whether images may have several labels each."""
    compares_pairs: ClassVar[bool] = False
    """Whether it compares each real with a fake, which must then have the real's label."""
    has_zero: ClassVar[bool] = True
    """Whether its scores have a zero of their own, by which LeCam and adaptive augmentation go."""
    averages_over_unlabeled: ClassVar[bool] = False
    """Whether the discriminator's cost of reals is the mean of labeled and unlabeled ones: half of a batch, or more,
    is then labeled (Multi-hinge GAN, equation 8)."""

    def needs_labels(self, recipe: Recipe) -> bool:
        """Whether it asks for a label of each image."""
        return True

    def takes_unlabeled(self, recipe: Recipe) -> bool:
        """Whether it can judge an image whose label is missing."""
        return True

    def pieces(self, recipe: Recipe) -> LossPieces:
        """Costs and heads for `recipe.num_labels` labels (None where there are none)."""
        raise NotImplementedError(f"{type(self).__name__} has no pieces(): define it")


@dataclass(frozen=True, kw_only=True)
class Labels(Part):
    """How many labels there are, where they come from, what must be learned first, and what they add to the game."""

    kind: ClassVar[str] = "labels"
    follows_discriminator: ClassVar[bool] = False
    """Whether the source is made of the discriminator. All others are built before the networks."""
    leaves_unlabeled: ClassVar[bool] = False
    """Whether an image may be left without a label."""
    several_generators: ClassVar[bool] = False
    """Whether several generators play, with a first layer each."""
    needs_pixels: ClassVar[bool] = False
    """Whether it looks at images, not at points."""
    needs_squares: ClassVar[bool] = False
    """Whether images must be square."""

    @property
    def needs_given(self) -> bool:
        """Whether the data must have labels."""
        return False

    @property
    def refresh_interval(self) -> int:
        """Steps between two refreshes of the source; 0 = never."""
        return 0

    @property
    def share_labeled(self) -> float | None:
        """Share of every batch that is drawn from labeled images, the rest from unlabeled ones."""
        return None

    def num_labels(self, recipe: Recipe) -> int | tuple[int, ...] | None:
        """Labels that the networks are told; a tuple for several an image; None = none; 0 = only the data say."""
        raise NotImplementedError(f"{type(self).__name__} has no num_labels(): define it")

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        """The label source; the discriminator is given where `follows_discriminator`."""
        raise NotImplementedError(f"{type(self).__name__} has no source(): define it")

    def class_head(self) -> Head | None:
        """An auxiliary class head that the discriminator needs."""
        return None

    def first_layer(self) -> FirstLayer | None:
        """The generator's first layer, where it is of another kind than the networks' own."""
        return None

    def terms(self, source: LabelSource) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """What the labels add to the costs of discriminator and generator."""
        return (), ()

    def images_per_label(self, recipe: Recipe) -> tuple[float, float] | None:
        """(images, labels) that D's weight decay goes by where it is automatic; None = no labels."""
        labels = self.num_labels(recipe)
        return (recipe.num_images, labels) if isinstance(labels, int) else None

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn, before the first step of a new run, what the source needs: see `Recipe.prepare`."""


@dataclass(frozen=True, kw_only=True)
class Norm(Part):
    """What normalizes the discriminator: a weight rule, a norm of features, a constraint or a cost."""

    kind: ClassVar[str] = "norm"
    normalizes_features: ClassVar[bool] = False
    """Whether it is a norm of features, which the discriminator must have a place for."""
    normalizes_batches: ClassVar[bool] = False
    """Whether what the discriminator says of an image depends on the others of its batch."""

    @property
    def blocks_only(self) -> bool:
        """Whether it is for the discriminator's residual blocks alone."""
        return False

    def feature_norm(self) -> Head | None:
        """channels -> what normalizes the discriminator's features."""
        return None

    def normalize(self, discriminator: nn.Module, *example: Tensor | None) -> None:
        """Put the discriminator's weights under a rule, in place; `example` is what it takes."""

    def constraint(self, discriminator: nn.Module, *example: Tensor | None) -> Constraint | None:
        """What is done to the discriminator after each of its steps."""
        return None

    def terms(self) -> tuple[Weighted, ...]:
        """Further costs of the discriminator."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Terms(Part):
    """Further costs by weight; this base class has none."""

    kind: ClassVar[str] = "terms"

    @property
    def takes_gradients(self) -> bool:
        """Whether a cost looks at the discriminator's gradient with respect to its inputs."""
        return False

    @property
    def needs_zero(self) -> str:
        """The name of a number in use that needs scores with a zero of their own, or ""."""
        return ""

    @property
    def moves_pixels(self) -> str:
        """The name of a number in use that needs images, or ""."""
        return ""

    def build(self, recipe: Recipe) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """The terms of the discriminator and of the generator."""
        return (), ()
