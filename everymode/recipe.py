"""Recipe: every number of one experiment, and how its game is built. This module and every recipe's head are free of
torch, so that the command line can list, show and check recipes at once.

One subclass per paper adds that paper's numbers and its `build`. A recipe is changed with `dataclasses.replace` or, by
field name with checks, with `with_numbers`.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from everymode.augmentation_names import parse_augmentation
from everymode.resolution import Resolution, height_and_width, parse_resolution

if TYPE_CHECKING:
    from everymode.data.facts import DataFacts
    from everymode.game import Game
    from everymode.training.preparation import Preparation

FROM_DATA: dict[str, bool] = {"from_data": True}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers that every experiment has. The defaults are neutral: a paper's own numbers stand in its recipe."""

    name: str = ""
    """What the run is called."""

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
    label_column: str = ""
    """Column with the labels, for tables that have several; a,b,c: several labels an image, a column each."""
    labelled_fraction: float = 1.0
    """Share of the images of each class that keep their label; the others' are hidden, at random by the seed."""
    labelled_share: float | None = None
    """Share of every batch that is drawn from labelled images, the rest from unlabelled ones; 0 = as the data come.
    Left out, as the data come, but at least half where a loss has a term for each kind."""
    channels: int = field(default=3, metadata=FROM_DATA)
    num_classes: int | tuple[int, ...] = field(default=0, metadata=FROM_DATA)
    class_counts: tuple[int, ...] = field(default=(), metadata=FROM_DATA)
    combination_counts: tuple[tuple[int, ...], ...] = field(default=(), metadata=FROM_DATA)
    num_images: int = field(default=0, metadata=FROM_DATA)

    # ---- game
    width: int = 64
    """Base number of channels of the networks."""
    latent_dim: int = 128
    """Length of the latent code z."""
    fake_labels: Literal["uniform", "data"] = "uniform"
    """Labels of generated images in training: all equally likely, or as frequent as in the data."""

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
    refresh_every: int = 0
    """Steps between two refreshes of the label source, of which the first comes before the first step; 0 = never."""

    # ---- augmentation
    augmentation: str = ""
    """Differentiable augmentation of whatever the discriminator judges: any of color,translation,cutout, joined by
    commas (DiffAug); or ada, which adapts its strength, and after it any of flip,quarter-turn,rotation,luma-flip,hue.
    Empty: none."""
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
    discriminator_weight_decay: float = 0.0
    """Weight decay of all discriminator parameters."""
    decoupled_weight_decay: bool = False
    """Decoupled decay (AdamW) in place of L2 added to the gradient (what Omni-GAN means by weight decay)."""
    lr_decay: float = 0.0
    """Share of training, at its end, over which both learning rates fall linearly to zero."""
    settling: float = 0.0
    """Share of training, at its end, in which the generator settles: its batch normalization keeps its running averages
    and uses them, so that the discriminator judges what `sample` will draw, and its learning rate falls at once."""
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
    metric_extractor: str = ""
    """Feature extractor of the evaluations; empty: digits for the bundled digits, else lite0:64."""
    keep_best: int = 1
    """Best checkpoints to keep beside the last two."""

    # ---- the watch for collapse
    watch_samples: int = 256
    """Samples and real examples that the watch for collapse compares at every tick; 0 = it looks at losses only."""
    held_out: str = ""
    """Data set of the same kind that is not trained on, for the discriminator's judgement of unseen examples."""
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
        self.check()

    takes_points: ClassVar[bool] = False
    """Whether it draws points in the plane, not images."""

    def build(self) -> Game:
        """The game of this recipe, with freshly initialized networks (from torch's global generator)."""
        raise NotImplementedError(f"{type(self).__name__} has no build(): subclass Recipe and define it")

    def prepare(self, game: Game, data: Any, preparation: Preparation) -> None:
        """Fill in, once and before the first step of a new run, what must be learnt before the game can begin.

        Every process calls it, the writing one first: it keeps what it learnt in the run's folder, where the others,
        and a run that was killed on the way, find it. What it puts into the game must be buffers or parameters.
        """

    def for_data(self, facts: DataFacts) -> Recipe:
        """This recipe with what only the data knows filled in. Subclasses derive further numbers from it."""
        channels = facts.image_shape[0]
        return replace(
            self,
            channels=channels,
            num_classes=facts.num_classes,
            class_counts=tuple(int(count) for count in facts.class_counts),
            combination_counts=facts.combination_counts,
            num_images=facts.num_images,
        )

    def notes(self) -> list[str]:
        """Sentences that `train` prints first: what was derived from the data, and why."""
        return []

    def shrunk(self) -> Recipe:
        """The same game at toy size: three steps in seconds, for tests and first contact."""
        return replace(
            self,
            width=8,
            steps=3,
            batch_size=8,
            accumulation=1,
            tick=1,
            snapshot=3,
            ema_start=0,
        )

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return height_and_width(self.resolution)

    def check(self) -> None:
        """Refuse impossible numbers, as sentences. Subclasses add theirs and call this one."""
        positive = ("steps", "batch_size", "accumulation", "discriminator_steps", "tick", "snapshot")
        positive += ("width", "latent_dim")
        for name in positive:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (
            "generator_lr",
            "discriminator_lr",
            "generator_weight_decay",
            "discriminator_weight_decay",
            "adam_epsilon",
            "remedy_weight_decay",
        ):
            if not 0 <= (getattr(self, name) or 0) < math.inf:
                raise ValueError(f"{name} can't be negative, infinite or not a number: {getattr(self, name)}")
        for name in ("remedy_lr", "settling_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} is a factor on a learning rate, above 0 and finite, not {getattr(self, name)}"
                )
        for name in ("seed", "refresh_every", "ema_start", "keep_best", "watch_samples"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("ema_decay", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 0 < self.labelled_fraction <= 1:
            raise ValueError(
                "labelled_fraction is the share of each class that keeps its labels, above 0 and at most 1, not "
                f"{self.labelled_fraction}"
            )
        if self.labelled_share is not None and not 0 <= self.labelled_share <= 1:
            raise ValueError(
                f"labelled_share is a share of the batch between 0 (as the data come) and 1, not {self.labelled_share}"
            )
        for name in ("lr_decay", "settling"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share of training between 0 and 1, not {getattr(self, name)}")
        parse_augmentation(self.augmentation)
        if not 0 < self.augmentation_target < 1:
            raise ValueError(
                f"augmentation_target is a mean sign between 0 and 1, not {self.augmentation_target}"
            )
        if self.augmentation_images < 1:
            raise ValueError(f"augmentation_images must be at least 1, not {self.augmentation_images}")
        if self.metrics and self.metric_images < 10:
            raise ValueError(
                f"metric_images must be at least 10 to measure anything, not {self.metric_images}"
            )
        if self.reuse_fakes and self.accumulation > 1:
            raise ValueError(
                "reuse_fakes can't be combined with accumulation: keeping the generator's pass for its own move would "
                "keep the graphs of all parts in memory. Set accumulation to 1, or reuse_fakes to False"
            )
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"a batch of {self.batch_size} can't be cut into {self.accumulation} equal parts: choose an "
                "accumulation that divides the batch size"
            )
        if min(self.size) < 1:
            raise ValueError(f"resolution must be positive, not {self.resolution}")

    def needs_labels(self) -> bool:
        """Whether training can't do without labelled images."""
        return False

    def with_numbers(self, **numbers: Any) -> Recipe:
        """This recipe with some fields changed.

        Raises ValueError for an unknown field (naming the nearest) and for a value of the wrong kind.
        """
        kinds = typing.get_type_hints(type(self))
        known = [f.name for f in fields(self)]
        for name, value in numbers.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean {near[0]}?" if near else f" It has: {', '.join(known)}"
                raise ValueError(f"{self.name or type(self).__name__} has no number called {name!r}.{hint}")
            numbers[name] = _checked(name, value, kinds[name])
        return replace(self, **numbers)

    def as_json(self) -> dict[str, Any]:
        """All fields, as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, numbers: dict[str, Any]) -> Recipe:
        """The recipe that `as_json` described. Raises ValueError for fields that this class does not have."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(numbers) - known)
        if unknown:
            raise ValueError(
                f"{cls.__name__} has no fields {unknown}: the run was written by another version of everymode"
            )
        return cls(**{name: _with_tuples(value) for name, value in numbers.items()})


def _with_tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were, and numpy's numbers (out of a sweep) as Python's."""
    if isinstance(value, (list, tuple)):
        return tuple(_with_tuples(each) for each in value)
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return value


def _checked(name: str, value: Any, kind: Any) -> Any:
    """The value as its field's type, or a ValueError that says what is allowed."""
    if not isinstance(value, (list, tuple)):
        value = _with_tuples(value)
    if kind == Resolution:
        return parse_resolution(value)
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise ValueError(f"{name} is one of {', '.join(map(str, choices))}, not {value!r}")
        return value
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(kind):
            return None
        if isinstance(value, (tuple, list)) and tuple in map(typing.get_origin, typing.get_args(kind)):
            return _with_tuples(list(value))
        kind = next(choice for choice in typing.get_args(kind) if choice is not type(None))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    plain = typing.get_origin(kind) or kind
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise ValueError(f"{name} must be of type {getattr(plain, '__name__', plain)}, not {value!r}")
    return value
