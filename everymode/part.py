"""Parts of a recipe: each holds its hyper-parameters, rejects impossible values, and builds one component of the game.

A part is a frozen dataclass whose module does not import torch when it is loaded, so that the command line can list and
check parts immediately. Each class here defines the interface of one kind of part; the parts of the papers are in
`everymode.recipes`. Custom parts derive from these classes. `everymode.fit` checks that parts fit together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from everymode.numbers import require_finite, require_types

if TYPE_CHECKING:
    from torch import Tensor, nn

    from everymode.condition import Condition
    from everymode.data.facts import DataFacts
    from everymode.game import AdversarialLoss, Game, LabelSource, Weighted
    from everymode.recipe import Recipe
    from everymode.training.preparation import Preparation

Head = Callable[[int], "nn.Module"]
"""Width F of a discriminator's features -> a module, called as module(features [B, F], condition)."""
FirstLayer = Callable[[int, int], "nn.Module"]
"""(inputs, outputs) -> a generator's first layer, called as layer(z, condition)."""
Constraint = Callable[["nn.Module"], None]
"""Function that modifies a network in place."""
Conditioning = Literal["labels", "maps", "pictures", "attributes"]
"""Kind of condition: labels of images (or none), label maps, pictures of lower resolution, or a picture and the values
that its attributes are to have."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Base class of all kinds of parts."""

    kind: ClassVar[str]
    """Field of a recipe that holds parts of this kind."""
    option: ClassVar[str] = ""
    """Command-line option that selects the part, such as "--norm layer", for error messages that name the part."""

    @property
    def display_name(self) -> str:
        """Name of the part in error messages: its command-line option, or its class if `option` is empty."""
        return self.option or type(self).__name__

    def __post_init__(self) -> None:
        require_types(self)
        self.check()
        require_finite(self)

    def check(self) -> None:
        """Check the hyper-parameters of this part.

        Raises:
            ValueError: if one of them is impossible.
        """

    def check_in(self, recipe: Recipe) -> None:
        """Check the recipe's hyper-parameters of data and training against this part.

        Raises:
            ValueError: if this part can't work with one of them.
        """

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        """Return the recipe with the hyper-parameters that this part derives from the data.

        Args:
            recipe: a recipe that does not hold the facts of the data yet.

        Raises:
            ValueError: if this part can't work with the data.
        """
        return recipe

    def notes(self, recipe: Recipe) -> list[str]:
        """Return the sentences that `train` prints first: what was derived from the data, and why."""
        return []

    def shrunk(self, recipe: Recipe) -> Recipe:
        """Return the recipe with this part at toy size, so that three steps take seconds."""
        return recipe

    def require_at_least_0(self, *names: str) -> None:
        """Check weights and margins.

        Raises:
            ValueError: if one of them is negative, infinite or NaN.
        """
        for name in names:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 (none) or more, not {getattr(self, name)}")

    def require_at_least_1(self, *names: str) -> None:
        """Check counts; None (automatic) is allowed.

        Raises:
            ValueError: if one of them is below 1.
        """
        for name in names:
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True)
class NetworkNeeds:
    """Requirements for a generator and a discriminator."""

    size: tuple[int, int]
    """(height, width) of the images in pixels."""
    channels: int
    """Channels of the images."""
    num_labels: int | tuple[int, ...] | None
    """Number of labels of the generator; a tuple if images have several labels; None = unconditional."""
    head: Head
    """Head of the discriminator."""
    class_head: Head | None = None
    """Auxiliary class head, whose logits are the Verdict's `classes`."""
    first: FirstLayer | None = None
    """First layer of the generator; None = a linear layer on z and the label's embedding."""
    feature_norm: Head | None = None
    """channels -> normalization layer of the discriminator's features; None = as the published discriminator."""
    outputs: int = 1
    """Channels of the score maps of a discriminator of patches."""
    map_classes: int = 0
    """Number of classes of label maps."""
    has_edges: bool = False
    """Whether label maps come with the edges of instances."""
    attributes: tuple[int, ...] = ()
    """Number of values of each attribute."""

    @property
    def num_classes(self) -> int | None:
        """Number of labels, for networks that take one label per image; `everymode.fit` rejects several."""
        assert not isinstance(self.num_labels, tuple)
        return self.num_labels


@dataclass(frozen=True, kw_only=True)
class Networks(Part):
    """Architectures of generator and discriminator, with the weight normalization of the generator."""

    kind: ClassVar[str] = "networks"
    conditioned_on: ClassVar[Conditioning] = "labels"
    """Kind of condition that the generator takes."""
    takes_points: ClassVar[bool] = False
    """Whether the networks are for points in the plane; False for images."""
    takes_label_blocks: ClassVar[bool] = False
    """Whether the generator accepts several labels per image."""
    takes_first_layer: ClassVar[bool] = False
    """Whether the generator accepts another first layer, such as one per generator."""
    normalizes_batches: ClassVar[bool] = False
    """Whether the published discriminator has batch normalization."""

    width: int = 64
    """Base number of channels of the networks."""
    latent_dim: int = 128
    """Length of the latent code z."""
    pack: int = 1
    """Examples per pack; the discriminator scores each pack as a whole (PacGAN)."""
    packs: int | None = None
    """Packs per discriminator update; sets the batch size to packs * pack. auto = from the batch size."""

    @property
    def magnification(self) -> int:
        """Side of the images divided by the side of the pictures that they are generated from; 1 = no such pictures."""
        return 1

    @property
    def encodes_image(self) -> bool:
        """Whether the generator encodes the style of the real image in training (SPADE's encoder)."""
        return False

    @property
    def takes_feature_norm(self) -> bool:
        """Whether the discriminator accepts layer or batch normalization."""
        return False

    @property
    def has_blocks(self) -> bool:
        """Whether the discriminator has residual blocks, which can be normalized separately."""
        return False

    def check(self) -> None:
        self.require_at_least_1("width", "latent_dim", "pack", "packs")

    def for_data(self, recipe: Recipe, facts: DataFacts) -> Recipe:
        return replace(recipe, batch_size=self.packs * self.pack) if self.packs else recipe

    def shrunk(self, recipe: Recipe) -> Recipe:
        return replace(recipe, networks=replace(self, packs=None))

    def pair(self, needs: NetworkNeeds) -> tuple[nn.Module, nn.Module]:
        """Build the generator and the discriminator, initialized from torch's global generator.

        Returns:
            The generator, with its weight normalization, and the discriminator, without any, for `pack` times as many
            channels as an image has.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pair(): define it")

    def generator(self, needs: NetworkNeeds) -> nn.Module:
        """Build the generator alone, with its weight normalization, to load weights into it.

        Its initial weights are arbitrary. The default builds both networks; override it if the discriminator is large.
        """
        return self.pair(needs)[0]

    def example(self, needs: NetworkNeeds) -> tuple[Tensor, Condition]:
        """Return an input of the discriminator: one example (one pack) of zeros, and its condition."""
        import torch

        shape = (2,) if self.takes_points else (needs.channels, *needs.size)
        labels = needs.num_labels
        blocks = (1, len(labels)) if isinstance(labels, tuple) else (1,)
        label = None if labels is None else torch.zeros(blocks, dtype=torch.long)
        return torch.zeros(self.pack, *shape), label

    def for_codes(self, code_dim: int) -> Networks:
        """Return the same networks for an autoencoder with codes of this length."""
        return replace(self, latent_dim=code_dim, pack=1, packs=None)


@dataclass(frozen=True)
class LossPieces:
    """Components of a loss, for a given number of labels."""

    adversarial: AdversarialLoss | None
    """Adversarial loss of both players; None = the discriminator is not trained."""
    head: Head
    """Head of the discriminator."""
    class_head: Head | None = None
    """Auxiliary class head of the discriminator."""
    discriminator_terms: tuple[Weighted, ...] = ()
    """Additional terms of the discriminator."""
    generator_terms: tuple[Weighted, ...] = ()
    """Additional terms of the generator."""
    outputs: int = 1
    """Channels of the score maps of a discriminator of patches."""


@dataclass(frozen=True, kw_only=True)
class Loss(Part):
    """Loss of both players, with the discriminator's head that it needs."""

    kind: ClassVar[str] = "loss"
    called: ClassVar[str]
    """Name of the loss in sentences."""
    tells_apart: ClassVar[bool] = False
    """Whether the loss classifies, so that it needs at least two labels."""
    takes_label_blocks: ClassVar[bool] = False
    """Whether images may have several labels."""
    compares_pairs: ClassVar[bool] = False
    """Whether the loss compares each real with a fake, which must then have the same label."""
    has_zero: ClassVar[bool] = True
    """Whether a score of 0 means undecided, which LeCam and adaptive augmentation rely on."""
    averages_over_unlabeled: ClassVar[bool] = False
    """Whether the discriminator's loss on reals averages a term for labeled and one for unlabeled images; then at least
    half of each batch is labeled by default (Multi-hinge GAN, equation 8)."""

    def needs_labels(self, recipe: Recipe) -> bool:
        """Return whether the loss uses the label of each image."""
        return True

    def takes_condition(self, kind: Conditioning) -> bool:
        """Return whether the loss works on the score maps of networks with this kind of condition."""
        return kind == "labels"

    def takes_unlabeled(self, recipe: Recipe) -> bool:
        """Return whether the loss accepts images without a label."""
        return True

    def num_classes(self, recipe: Recipe) -> int:
        """Return the number of labels of a recipe that has one label per image; `everymode.fit` rejects others."""
        labels = recipe.num_labels
        assert isinstance(labels, int)
        return labels

    def pieces(self, recipe: Recipe) -> LossPieces:
        """Build the loss functions and heads for `recipe.num_labels` labels (None = no labels)."""
        raise NotImplementedError(f"{type(self).__name__} has no pieces(): define it")


@dataclass(frozen=True, kw_only=True)
class Labels(Part):
    """Number and source of the labels, with the preparation and the additional terms that they need."""

    kind: ClassVar[str] = "labels"
    provides: ClassVar[Conditioning] = "labels"
    """Kind of condition."""
    follows_discriminator: ClassVar[bool] = False
    """Whether the label source is built from the discriminator; others are built before the networks."""
    leaves_unlabeled: ClassVar[bool] = False
    """Whether images may remain without a label."""
    several_generators: ClassVar[bool] = False
    """Whether there are several generators, each with its own first layer."""
    needs_pixels: ClassVar[bool] = False
    """Whether the data must be images; False if points are possible too."""
    needs_squares: ClassVar[bool] = False
    """Whether images must be square."""

    @property
    def needs_given(self) -> bool:
        """Whether the data must have labels."""
        return False

    @property
    def refresh_interval(self) -> int:
        """Steps between two refreshes of the label source; 0 = never."""
        return 0

    @property
    def share_labeled(self) -> float | None:
        """Fraction of each batch drawn from labeled images; 0 or None = same ratio as the dataset."""
        return None

    def num_labels(self, recipe: Recipe) -> int | tuple[int, ...] | None:
        """Return the number of labels of the networks.

        Returns:
            A tuple if images have several labels; None = no labels; 0 = not known before the data are.
        """
        raise NotImplementedError(f"{type(self).__name__} has no num_labels(): define it")

    def source(self, recipe: Recipe, discriminator: nn.Module | None = None) -> LabelSource:
        """Build the label source.

        Args:
            discriminator: provided if `follows_discriminator`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no source(): define it")

    def sampling_source(self, recipe: Recipe) -> LabelSource:
        """Build a label source that can draw labels and load a `sampling_state`, for sampling without training.

        The default is the complete source. Override it if that contains networks or a table of the dataset's labels.
        """
        return recipe.build().labels if self.follows_discriminator else self.source(recipe)

    def completed(self, needs: NetworkNeeds, recipe: Recipe) -> NetworkNeeds:
        """Return the needs of the networks with what this part adds, such as the number of classes of label maps."""
        return needs

    def class_head(self) -> Head | None:
        """Return the auxiliary class head that the discriminator needs, or None."""
        return None

    def first_layer(self) -> FirstLayer | None:
        """Return the generator's first layer, or None for that of the networks."""
        return None

    def terms(self, source: LabelSource) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """Return the additional terms of the discriminator and of the generator."""
        return (), ()

    def images_per_label(self, recipe: Recipe) -> tuple[float, float] | None:
        """Return (images, labels) for the automatic weight decay of the discriminator, or None = no labels."""
        labels = self.num_labels(recipe)
        return (recipe.num_images, labels) if isinstance(labels, int) else None

    def prepare(self, recipe: Recipe, game: Game, data: Any, preparation: Preparation) -> None:
        """Prepare the label source before the first step of a new run; see `Recipe.prepare`."""


@dataclass(frozen=True, kw_only=True)
class Norm(Part):
    """Normalization of the discriminator: of its weights or features, or by a constraint or a penalty."""

    kind: ClassVar[str] = "norm"
    normalizes_features: ClassVar[bool] = False
    """Whether features are normalized, by layers that the discriminator must support."""
    normalizes_batches: ClassVar[bool] = False
    """Whether the discriminator's output for an image depends on the other images of the batch."""

    @property
    def blocks_only(self) -> bool:
        """Whether only the residual blocks of the discriminator are normalized."""
        return False

    def feature_norm(self) -> Head | None:
        """Return the function channels -> normalization layer of the discriminator's features, or None."""
        return None

    def normalize(self, discriminator: nn.Module, *example: Condition) -> None:
        """Normalize the discriminator's weights, in place.

        Args:
            example: an input of the discriminator.
        """

    def constraint(self, discriminator: nn.Module, *example: Condition) -> Constraint | None:
        """Return the function that is applied to the discriminator after each of its optimizer steps, or None."""
        return None

    def terms(self) -> tuple[Weighted, ...]:
        """Return the additional terms of the discriminator."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Terms(Part):
    """Additional weighted terms of the losses; this base class has none."""

    kind: ClassVar[str] = "terms"

    @property
    def adversarial_weight(self) -> float:
        """Factor of the adversarial loss in the generator's objective."""
        return 1.0

    @property
    def takes_gradients(self) -> bool:
        """Whether a term uses the gradient of the discriminator with respect to its inputs."""
        return False

    @property
    def needs_zero(self) -> str:
        """Name of a nonzero weight that needs scores where 0 means undecided, or ""."""
        return ""

    @property
    def moves_pixels(self) -> str:
        """Name of a nonzero weight that needs images, or ""."""
        return ""

    def build(self, recipe: Recipe) -> tuple[tuple[Weighted, ...], tuple[Weighted, ...]]:
        """Return the additional terms of the discriminator and of the generator."""
        return (), ()
