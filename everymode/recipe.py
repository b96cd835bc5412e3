"""Recipe: one experiment as values. This module and the recipes' heads are free of torch, so that the command line can
list, show and check recipes at once.

A recipe holds the numbers of the data, of training and of the run, and its parts (`everymode.part`), each of which
knows its own numbers and builds its own piece. A paper is a part and a few literals; a mixture of papers is
`replace(omni_gan.IMAGES64, labels=Clusters(), norm=SparsityAware())`. Numbers are changed by name, whichever part they
belong to, with `with_numbers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from everymode import fit
from everymode.augmentation_names import parse_augmentation
from everymode.decay import decay_notes, with_automatic_decay
from everymode.numbers import FROM_DATA, changed, explaining, names_of, require_types
from everymode.part import Labels, Loss, NetworkNeeds, Networks, Norm, Part, Terms
from everymode.resolution import Resolution, height_and_width

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game
    from everymode.training.preparation import Preparation

KINDS = ("networks", "loss", "labels", "norm", "terms")
"""The fields that hold parts."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers that every experiment has, and its parts. The defaults are neutral: a paper's own numbers stand in
    its recipe. A subclass with its own `build` may leave the parts out.
    """

    name: str = ""
    """What the run is called."""

    # ---- parts
    networks: Networks | None = None
    """Which generator and discriminator play."""
    loss: Loss | None = None
    """The objective of both players."""
    labels: Labels | None = None
    """How many labels there are, and where they come from."""
    norm: Norm | None = None
    """What normalizes the discriminator."""
    terms: Terms | None = None
    """Further costs."""

    # ---- data
    data: str = ""
    """Data set to train on if none is given: a name or a path."""
    resolution: Resolution = 32
    """Image size in pixels: one number, or HEIGHTxWIDTH."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How images of another shape are made to fit."""
    mirror: bool = False
    """Mirror half of the real images, at random, each time they are shown."""
    class_sampling: Literal["natural", "balanced", "sqrt"] = "natural"
    """How often each class is shown: as in the data, equally, or by the root of its size."""
    value_range: Literal["0..1", "-1..1", "0..255", "0..65535"] | None = None
    """Numbers of black and white; auto = as the values or the type of the images say."""
    label_column: str = ""
    """Column with the labels, for tables that have several; a,b,c: several labels an image, a column each."""
    labeled_fraction: float = 1.0
    """Share of the images of each class that keep their label; the others' are hidden, at random by the seed."""
    channels: int = field(default=3, metadata=FROM_DATA)
    num_classes: int | tuple[int, ...] = field(default=0, metadata=FROM_DATA)
    class_counts: tuple[int, ...] = field(default=(), metadata=FROM_DATA)
    combination_counts: tuple[tuple[int, ...], ...] = field(default=(), metadata=FROM_DATA)
    num_images: int = field(default=0, metadata=FROM_DATA)
    automatic_decay: bool = field(default=False, metadata=FROM_DATA)

    # ---- length of training
    steps: int = 100_000
    """Generator steps."""
    batch_size: int = 64
    """Real images per discriminator move, over all devices and accumulated parts."""
    accumulation: int = 1
    """Parts into which each device cuts its share of the batch, to save memory."""
    discriminator_steps: int = 1
    """Discriminator moves per generator move."""
    reuse_fakes: bool = False
    """Keep the images, z and labels of the discriminator's last move for the generator's move."""
    one_pass: bool = True
    """The discriminator judges reals and fakes in one concatenated pass, not in two."""

    # ---- augmentation
    augmentation: str = ""
    """Differentiable augmentation of what is judged: any of color,translation,cutout, joined by commas (DiffAug); or
    ada, which adapts its strength, and after it any of flip,quarter-turn,rotation,luma-flip,hue. Empty: none."""
    augmentation_target: float = 0.6
    """Mean sign of the discriminator on real images that ada aims for, between 0 and 1: the lower, the stronger."""
    augmentation_images: int = 500_000
    """Real images shown to the discriminator over which ada could go from no augmentation to full strength."""

    # ---- optimizers (Adam)
    generator_lr: float = 2e-4
    """Learning rate of the generator."""
    discriminator_lr: float = 2e-4
    """Learning rate of the discriminator."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.999
    """Adam's decay of the mean squared gradient."""
    adam_epsilon: float = 1e-8
    """Adam's epsilon."""
    generator_weight_decay: float = 0.0
    """Weight decay of all generator parameters."""
    discriminator_weight_decay: float | None = 0.0
    """Weight decay of all discriminator parameters; auto = by the number of images per label, none without labels."""
    decoupled_weight_decay: bool = False
    """Decoupled decay (AdamW) in place of L2 added to the gradient (what Omni-GAN means by weight decay)."""
    lr_decay: float = 0.0
    """Share of training, at its end, over which both learning rates fall linearly to zero. If a run is resumed with
    more steps, they jump to those of the longer schedule."""
    settling: float = 0.0
    """Share of training, at its end, in which the generator settles: its batch normalization keeps its running averages
    and uses them, so that the discriminator judges what `sample` will draw, and its learning rate falls at once. A run
    that is resumed with more steps resumes from before the generator settled."""
    settling_lr: float = 1.0
    """Factor on the generator's learning rate while it settles."""

    # ---- moving average of the generator
    ema_decay: float = 0.9999
    """Decay per step of the averaged generator."""
    ema_start: int = 0
    """Step up to which the averaged generator is a plain copy."""

    # ---- scores during training
    metrics: str = ""
    """Metrics at every snapshot, such as fd,kd; the first one picks the best checkpoints. Empty: none."""
    metric_images: int = 2000
    """Generated images per evaluation during training."""
    metric_extractor: str | None = None
    """Feature extractor of the evaluations; auto = digits for the bundled digits, else lite0:64."""
    keep_best: int = 1
    """Best checkpoints to keep beside the last two."""

    # ---- the watch for collapse
    watch_samples: int = 256
    """Samples and real examples that the watch for collapse compares at every tick; 0 = it looks at losses only."""
    held_out: str = ""
    """Data set of the same kind that is not trained on, for the discriminator's judgment of unseen examples."""
    remedy_lr: float = 0.5
    """Factor on the discriminator's learning rate after a rollback from a collapse."""
    remedy_weight_decay: float = 3.0
    """Factor on the discriminator's weight decay after a rollback from a collapse."""

    # ---- running
    seed: int = 0
    """Seed of every random draw."""
    tick: int = 100
    """Steps between two lines of the log."""
    snapshot: int = 1000
    """Steps between two checkpoints with sample pictures."""
    precision: Literal["auto", "float32", "bf16", "float64"] = "auto"
    """Arithmetic of the networks; auto = bf16 on CUDA, float32 on the CPU."""
    compile: Literal["auto", "yes", "no"] = "auto"
    """Compile the networks; auto = on CUDA only."""
    channels_last: Literal["auto", "yes", "no"] = "auto"
    """Memory layout of images; auto = channels last on CUDA and in bf16."""

    def __post_init__(self) -> None:
        require_types(self)
        self.check()

    # ---- what the parts say together

    def parts(self) -> list[Part]:
        """The parts that there are."""
        return [part for part in (getattr(self, kind) for kind in KINDS) if isinstance(part, Part)]

    @property
    def called(self) -> str:
        """What sentences call this recipe."""
        return self.name or "this recipe"

    @property
    def takes_points(self) -> bool:
        """Whether it draws points in the plane, not images."""
        return self.networks is not None and self.networks.takes_points

    @property
    def num_labels(self) -> int | tuple[int, ...] | None:
        """Labels that the networks are told; a tuple for several an image; None = none; 0 = only the data say."""
        return None if self.labels is None else self.labels.num_labels(self)

    @property
    def refresh_every(self) -> int:
        """Steps between two refreshes of the label source; the first comes before the first step; 0 = never."""
        return 0 if self.labels is None else self.labels.refresh_interval

    @property
    def labeled_share(self) -> float | None:
        """Share of every batch that is drawn from labeled images; 0 or None = as the data come."""
        return None if self.labels is None else self.labels.share_labeled

    def labeled_rows(self) -> int:
        """Rows of a batch that are drawn from labeled images, as `MixedOrder` rounds it."""
        return int((self.labeled_share or 0.0) * self.batch_size + 0.5)

    def labeled_rows_share(self) -> float:
        """The share of a batch that really is labeled: `labeled_share` in whole rows; 1 where nothing is asked."""
        return self.labeled_rows() / self.batch_size if self.labeled_share else 1.0

    def needs_labels(self) -> bool:
        """Whether training can't do without labeled images."""
        return self.labels is not None and self.labels.needs_given

    # ---- the game

    def build(self) -> Game:
        """The game of this recipe, with freshly initialized networks (from torch's global generator).

        Raises ValueError for parts that don't fit the data, NotImplementedError for a recipe without parts.
        """
        from everymode.augment.choosing import find_augmentation
        from everymode.game import Game, Objective

        networks, loss, labels, norm = self.networks, self.loss, self.labels, self.norm or Norm()
        if networks is None or loss is None or labels is None:
            raise NotImplementedError(
                f"{self.called} has no networks, loss or labels: give them, or subclass Recipe and define build()"
            )
        fit.check_data(self)
        pieces = loss.pieces(self)
        early = None if labels.follows_discriminator else labels.source(self)
        needs = NetworkNeeds(self.size, self.channels, self.num_labels, pieces.head)
        class_head, first = pieces.class_head or labels.class_head(), labels.first_layer()
        needs = replace(needs, class_head=class_head, first=first, feature_norm=norm.feature_norm())
        generator, discriminator = networks.pair(needs)
        if networks.pack > 1:
            from everymode.networks.packing import PackedDiscriminator

            discriminator = PackedDiscriminator(discriminator, networks.pack)
        example = networks.example(needs)
        norm.normalize(discriminator, *example)
        source = labels.source(self, discriminator) if early is None else early
        of_labels, of_terms = labels.terms(source), (self.terms or Terms()).build(self)
        objective = Objective(
            pieces.adversarial,
            (*pieces.discriminator_terms, *of_labels[0], *norm.terms(), *of_terms[0]),
            (*pieces.generator_terms, *of_labels[1], *of_terms[1]),
        )
        names, target, images = self.augmentation, self.augmentation_target, self.augmentation_images
        augment = find_augmentation(
            parse_augmentation(names), batch_size=self.batch_size, target=target, images_to_one=images
        )
        constraint = norm.constraint(discriminator, *example)
        return Game(generator, discriminator, source, objective, augment, constraint)

    def prepare(self, game: Game, data: Any, preparation: Preparation) -> None:
        """Learn, once and before the first step of a new run, what must be known before the game can begin.

        Every process calls it, the writing one first: what it keeps in the run's folder the others find there, and a
        run that was killed. What it puts into the game must be buffers or parameters.
        """
        if self.labels is not None:
            self.labels.prepare(self, game, data, preparation)

    def for_data(self, facts: DataFacts) -> Recipe:
        """This recipe with what only the data knows filled in.

        Raises ValueError for data that its parts can't do with.
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
        return with_automatic_decay(fitted)

    def notes(self) -> list[str]:
        """Sentences that `train` prints first: what was derived from the data, and why."""
        return [note for part in self.parts() for note in part.notes(self)] + decay_notes(self)

    def shrunk(self) -> Recipe:
        """The same game at toy size: three steps in seconds, for tests and first contact."""
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
        """Refuse impossible numbers, and parts that don't fit, in sentences. A subclass calls this one too."""
        fit.check_recipe(self)

    # ---- numbers by name

    def flat_numbers(self) -> dict[str, Any]:
        """All numbers by name: its own, and those of its parts."""
        of_parts = {name: getattr(part, name) for part in self.parts() for name in names_of(part)}
        return {name: getattr(self, name) for name in names_of(self) if name not in KINDS} | of_parts

    def with_numbers(self, **numbers: Any) -> Recipe:
        """This recipe with some numbers changed, its own or those of its parts; one that two parts have is changed in
        both. Parts are changed likewise (`labels=Clusters()`), before the numbers are.

        Raises UnknownNumber (a ValueError) for an unknown name, with the nearest; ValueError for a value of the wrong
        kind, or for parts that don't fit.
        """
        return replace(self, **changed(self, KINDS, numbers))


Recipe.__init__ = explaining(Recipe.__init__)  # type: ignore[method-assign]
