"""Recipe: all hyper-parameters of one experiment. Modules of recipes do not import torch when they are loaded, so that
the command line can list, show and check recipes immediately.

A recipe holds the hyper-parameters of the data, of training and of the run, and its parts (`everymode.part`), each of
which holds its own hyper-parameters and builds its component of the game. A paper is a part and a few literals; a
combination of papers is `replace(omni_gan.IMAGES64, labels=Clusters(), norm=SparsityAware())`. `with_numbers` changes
hyper-parameters by name, whichever part they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from everymode import fit
from everymode.augmentation_names import augmentation_notes, parse_augmentation, with_automatic_augmentation
from everymode.decay import decay_notes, with_automatic_decay
from everymode.numbers import FROM_DATA, changed, explaining, names_of, nearest_of, require_types
from everymode.part import Labels, Loss, LossPieces, NetworkNeeds, Networks, Norm, Part, Terms
from everymode.resolution import Resolution, height_and_width

if TYPE_CHECKING:
    from torch import nn

    from everymode.data.facts import DataFacts
    from everymode.game import Game, LabelSource
    from everymode.training.preparation import Preparation

KINDS = ("networks", "loss", "labels", "norm", "terms")
"""Fields that hold parts."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Hyper-parameters that all experiments have, and the parts. The defaults are neutral; the values of a paper are in
    its recipe. A subclass that overrides `build` may omit the parts.

    Raises:
        ValueError: if a hyper-parameter is impossible, or if two parts don't fit together.
    """

    name: str = ""
    """Name of the recipe."""

    # ---- parts
    networks: Networks | None = None
    """Architectures of generator and discriminator."""
    loss: Loss | None = None
    """Loss of both players."""
    labels: Labels | None = None
    """Number and source of the labels."""
    norm: Norm | None = None
    """Normalization of the discriminator."""
    terms: Terms | None = None
    """Additional terms of the losses."""

    # ---- data
    data: str = ""
    """Default dataset: a name or a path."""
    resolution: Resolution = 32
    """Image size in pixels: one number, or HEIGHTxWIDTH."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """Method that fits images of another aspect ratio to the resolution."""
    mirror: bool = False
    """Flip each real image horizontally with probability 0.5 each time it is used."""
    class_sampling: Literal["natural", "balanced", "sqrt"] = "natural"
    """Sampling frequency of each class: as in the dataset, equal, or proportional to the square root of its size."""
    value_range: Literal["0..1", "-1..1", "0..255", "0..65535"] | None = None
    """Pixel values of black and white; auto = from the values or the data type of the images."""
    layout: Literal["NCHW", "NHWC"] | None = None
    """Layout of arrays of images (.npy, .npz) with four axes; auto = by their shape, if it is not ambiguous."""
    label_column: str = ""
    """Column with the labels, for tables with several columns; a,b,c = several labels per image, one per column."""
    labeled_fraction: float = 1.0
    """Fraction of the images of each class that keep their label; the seed selects whose labels are hidden."""
    channels: int = field(default=3, metadata=FROM_DATA)
    """Channels of the images, or dimensions of the points."""
    num_classes: int | tuple[int, ...] = field(default=0, metadata=FROM_DATA)
    """Number of classes of the dataset; a tuple if images have several labels; 0 = no labels."""
    class_counts: tuple[int, ...] = field(default=(), metadata=FROM_DATA)
    """Images per class; with several labels per image, the classes of all label blocks in order."""
    combination_counts: tuple[tuple[int, ...], ...] = field(default=(), metadata=FROM_DATA)
    """Combinations of several labels that occur in the dataset, each followed by its number of images."""
    num_images: int = field(default=0, metadata=FROM_DATA)
    """Number of images in the dataset; 0 = not known yet."""
    automatic_decay: bool = field(default=False, metadata=FROM_DATA)
    """Whether discriminator_weight_decay was auto and has been filled in."""
    automatic_augmentation: bool = field(default=False, metadata=FROM_DATA)
    """Whether augmentation was auto and has been filled in."""

    # ---- length of training
    steps: int = 100_000
    """Generator steps."""
    batch_size: int = 64
    """Real images per discriminator update, over all devices and micro-batches."""
    accumulation: int = 1
    """Micro-batches per batch and device, whose gradients are accumulated to save memory."""
    discriminator_steps: int = 1
    """Discriminator updates per generator update."""
    reuse_fakes: bool = False
    """Reuse the fakes, z and labels of the last discriminator update for the generator update."""
    one_pass: bool = True
    """Score reals and fakes in one concatenated pass of the discriminator instead of two passes."""

    # ---- augmentation
    augmentation: str | None = ""
    """Differentiable augmentation of the discriminator's inputs: any of color,translation,cutout (DiffAug), or ada with
    adaptive strength, optionally followed by any of flip,quarter-turn,rotation,luma-flip,hue; joined by commas. none or
    empty = none; auto = translation,cutout below 1,000 images per class (without labels: below 10,000), else none."""
    augmentation_target: float = 0.6
    """Target of ada: mean sign of the discriminator's scores of real images, between 0 and 1; lower = stronger."""
    augmentation_images: int = 500_000
    """Speed of ada: real images seen by the discriminator until its strength could rise from 0 to 1."""

    # ---- optimizers (Adam)
    generator_lr: float = 2e-4
    """Learning rate of the generator."""
    discriminator_lr: float = 2e-4
    """Learning rate of the discriminator."""
    beta1: float = 0.0
    """Exponential decay rate of Adam's first moment."""
    beta2: float = 0.999
    """Exponential decay rate of Adam's second moment."""
    adam_epsilon: float = 1e-8
    """Epsilon of Adam."""
    generator_weight_decay: float = 0.0
    """Weight decay of all generator parameters."""
    discriminator_weight_decay: float | None = 0.0
    """Weight decay of all discriminator parameters; auto = from the number of images per label, 0 without labels."""
    decoupled_weight_decay: bool = False
    """Use decoupled weight decay (AdamW) instead of L2 added to the gradient (Omni-GAN's weight decay)."""
    lr_decay: float = 0.0
    """Final fraction of training over which both learning rates decrease linearly to zero; a run that is resumed with
    more steps continues at the learning rates of the longer schedule."""
    lr_halvings: tuple[float, ...] = ()
    """Fractions of training, such as 0.125,0.25,0.5,0.75, at which both learning rates are halved, in addition to
    lr_decay; none = never."""
    settling: float = 0.0
    """Final fraction of training in which the generator settles: its batch normalization is in eval mode, so that the
    discriminator scores what `sample` will draw, and its learning rate is multiplied by settling_lr. A
    run that is resumed with more steps restarts from the checkpoint before settling."""
    settling_lr: float = 1.0
    """Factor of the generator's learning rate during settling."""

    # ---- moving average of the generator
    ema_decay: float = 0.9999
    """Decay per step of the moving average of the generator."""
    ema_start: int = 0
    """Step at which averaging starts; before it, the averaged generator is a copy."""

    # ---- scores during training
    metrics: str = ""
    """Metrics computed at every snapshot, such as fd,kd; the first one selects the best checkpoints. Empty = none."""
    metric_images: int = 2000
    """Generated images per evaluation during training."""
    metric_extractor: str | None = None
    """Feature extractor of the metrics; auto = digits for the bundled digits, else lite0:64."""
    keep_best: int = 1
    """Number of best checkpoints to keep in addition to the last two."""
    keep_history: int = 20
    """Maximum number of steps, evenly spread over the run, whose generators are kept to look at; 0 = none."""

    # ---- collapse watch
    watch_samples: int = 256
    """Samples and real examples that the collapse watch compares at every tick; 0 = it only checks the losses."""
    held_out: float | str = ""
    """Images that are not trained on, on which the discriminator is evaluated: a fraction of the data such as 0.1,
    selected by the seed, or another dataset of the same kind; 0 or empty = none."""
    remedy_lr: float = 0.5
    """Factor of the discriminator's learning rate after a rollback from a collapse."""
    remedy_weight_decay: float = 3.0
    """Factor of the discriminator's weight decay after a rollback from a collapse."""

    # ---- running
    seed: int = 0
    """Seed of all random numbers."""
    tick: int = 100
    """Steps between two lines of the log."""
    snapshot: int = 1000
    """Steps between two checkpoints with sample pictures."""
    precision: Literal["auto", "float32", "bf16", "float64"] = "auto"
    """Floating-point precision of the networks; auto = bf16 on CUDA, float32 on the CPU."""
    compile: Literal["auto", "yes", "no"] = "auto"
    """Compile the networks; auto = on CUDA only."""
    channels_last: Literal["auto", "yes", "no"] = "auto"
    """Use the channels-last memory layout for images; auto = on CUDA and with bf16."""

    def __post_init__(self) -> None:
        require_types(self)
        self.check()

    # ---- properties of the parts

    def parts(self) -> list[Part]:
        """Return the parts that are set."""
        return [part for part in (getattr(self, kind) for kind in KINDS) if isinstance(part, Part)]

    @property
    def called(self) -> str:
        """Name of the recipe in sentences."""
        return self.name or "this recipe"

    @property
    def takes_points(self) -> bool:
        """Whether the recipe is for points in the plane; False for images."""
        return self.networks is not None and self.networks.takes_points

    @property
    def num_labels(self) -> int | tuple[int, ...] | None:
        """Number of labels of the networks; a tuple if images have several; None = no labels; 0 = not known yet."""
        return None if self.labels is None else self.labels.num_labels(self)

    @property
    def refresh_every(self) -> int:
        """Steps between two refreshes of the label source, the first one before the first step; 0 = never."""
        return 0 if self.labels is None else self.labels.refresh_interval

    @property
    def labeled_share(self) -> float | None:
        """Fraction of each batch drawn from labeled images; 0 or None = same ratio as the dataset."""
        return None if self.labels is None else self.labels.share_labeled

    def labeled_rows(self) -> int:
        """Return the number of rows of a batch drawn from labeled images, rounded as in `MixedOrder`."""
        return int((self.labeled_share or 0.0) * self.batch_size + 0.5)

    def labeled_rows_share(self) -> float:
        """Return the fraction of labeled rows in a batch: `labeled_share` after rounding, or 1 if it is unset or 0."""
        return self.labeled_rows() / self.batch_size if self.labeled_share else 1.0

    def needs_labels(self) -> bool:
        """Return whether training needs labeled images."""
        return self.labels is not None and self.labels.needs_given

    # ---- the game

    def build(self) -> Game:
        """Build the game of this recipe, with networks initialized from torch's global generator.

        Raises:
            NotImplementedError: for a recipe without parts.
            ValueError: for parts that don't fit the data.
        """
        from everymode.augment.choosing import find_augmentation
        from everymode.game import Game, Objective

        networks, loss, labels, norm = self.networks, self.loss, self.labels, self.norm or Norm()
        if networks is None or loss is None or labels is None:
            raise NotImplementedError(
                f"{self.called} has no networks, loss or labels: set them, or subclass Recipe and define build()"
            )
        fit.check_data(self)
        pieces = loss.pieces(self)
        source = None if labels.follows_discriminator else labels.source(self)
        needs = self._needs(pieces, labels, norm)
        generator, discriminator = networks.pair(needs)
        if networks.pack > 1:
            from everymode.networks.packing import PackedDiscriminator

            discriminator = PackedDiscriminator(discriminator, networks.pack)
        example = networks.example(needs)
        norm.normalize(discriminator, *example)
        if source is None:
            source = labels.source(self, discriminator)
        label_terms, extra_terms = labels.terms(source), (self.terms or Terms()).build(self)
        objective = Objective(
            pieces.adversarial,
            (*pieces.discriminator_terms, *label_terms[0], *norm.terms(), *extra_terms[0]),
            (*pieces.generator_terms, *label_terms[1], *extra_terms[1]),
            (self.terms or Terms()).adversarial_weight,
        )
        names, target, images = self.augmentation, self.augmentation_target, self.augmentation_images
        augment = find_augmentation(
            parse_augmentation(names), batch_size=self.batch_size, target=target, images_to_one=images
        )
        constraint = norm.constraint(discriminator, *example)
        return Game(generator, discriminator, source, objective, augment, constraint)

    def build_for_sampling(self) -> tuple[nn.Module, LabelSource]:
        """Build the generator and a source of labels for it, without the discriminator, to load weights into.

        Recipes that override `build` get both from it.

        Raises:
            NotImplementedError: for a recipe without parts.
            ValueError: for parts that don't fit the data.
        """
        networks, loss, labels = self.networks, self.loss, self.labels
        if type(self).build is not Recipe.build or networks is None or loss is None or labels is None:
            game = self.build()
            return game.generator, game.labels
        fit.check_data(self)
        needs = self._needs(loss.pieces(self), labels, self.norm or Norm())
        # A subclass that overrides only `pair` or `source` may build something else than its base class's short cut.
        alone = nearest_of(type(networks), "generator", "pair") == "generator"
        generator = networks.generator(needs) if alone else networks.pair(needs)[0]
        if nearest_of(type(labels), "sampling_source", "source") == "sampling_source":
            return generator, labels.sampling_source(self)
        return generator, Labels.sampling_source(labels, self)

    def _needs(self, pieces: LossPieces, labels: Labels, norm: Norm) -> NetworkNeeds:
        needs = NetworkNeeds(self.size, self.channels, self.num_labels, pieces.head)
        class_head, first = pieces.class_head or labels.class_head(), labels.first_layer()
        needs = replace(needs, class_head=class_head, first=first, feature_norm=norm.feature_norm())
        return labels.completed(replace(needs, outputs=pieces.outputs), self)

    def prepare(self, game: Game, data: Any, preparation: Preparation) -> None:
        """Prepare a game once, before the first step of a new run, such as by learning a partition.

        Every process calls this method; the writing process calls it first and saves its results in the run folder,
        from which the other processes, and an interrupted run that resumes, load them. Results in the game must be
        buffers or parameters.
        """
        if self.labels is not None:
            self.labels.prepare(self, game, data, preparation)

    def for_data(self, facts: DataFacts) -> Recipe:
        """Return the recipe with the facts of the data filled in, and what its parts derive from them.

        Raises:
            ValueError: if its parts can't work with the data.
        """
        fit.check_kind(self, facts)
        fitted = self
        for part in self.parts():
            fitted = getattr(fitted, part.kind).for_data(fitted, facts)
        fitted = replace(
            fitted,
            channels=facts.image_shape[0],
            num_classes=facts.num_classes,
            class_counts=tuple(int(count) for count in facts.class_counts),
            combination_counts=facts.combination_counts,
            num_images=facts.num_images,
        )
        fit.check_data(fitted, facts)
        return with_automatic_augmentation(with_automatic_decay(fitted))

    def notes(self) -> list[str]:
        """Return the sentences that `train` prints first: what was derived from the data, and why."""
        return [note for part in self.parts() for note in part.notes(self)] + [
            *decay_notes(self),
            *augmentation_notes(self),
        ]

    def shrunk(self) -> Recipe:
        """Return the recipe at toy size, for tests and first experiments: three steps take seconds."""
        rows = 4 * self.networks.pack if self.networks is not None and self.networks.pack > 1 else 8
        small = replace(self, steps=3, batch_size=rows, accumulation=1, tick=1, snapshot=3, ema_start=0)
        for part in self.parts():
            small = getattr(small, part.kind).shrunk(small)
        return small

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return height_and_width(self.resolution)

    def check(self) -> None:
        """Check hyper-parameters and parts. A subclass that overrides this method must call it.

        Raises:
            ValueError: if a hyper-parameter is impossible, or if two parts don't fit together.
        """
        fit.check_recipe(self)

    # ---- hyper-parameters by name

    def flat_numbers(self) -> dict[str, Any]:
        """Return all hyper-parameters by name: those of the recipe and of its parts."""
        of_parts = {name: getattr(part, name) for part in self.parts() for name in names_of(part)}
        return {name: getattr(self, name) for name in names_of(self) if name not in KINDS} | of_parts

    def with_numbers(self, **numbers: Any) -> Recipe:
        """Return the recipe with some hyper-parameters changed, its own or those of its parts.

        A hyper-parameter that two parts have is changed in both. Parts can be replaced too (`labels=Clusters()`); they
        are replaced first.

        Raises:
            UnknownNumber: (a ValueError) for an unknown name; the error message has the nearest.
            ValueError: for a value of the wrong type, or for parts that don't fit together.
        """
        return replace(self, **changed(self, KINDS, numbers))


Recipe.__init__ = explaining(Recipe.__init__)
