"""Interfaces of the game between generator and discriminator that every recipe plays. Read this file first.

A Turn holds what one player sees in one update. An Objective computes the losses of that update. Every additional term
of a paper is a function of a Turn. A paper is then a choice of parts: networks, a label source, a loss, and terms.

Devices, ranks, optimizers, mixed precision, moving averages and logs belong to the trainer, which knows no loss and no
paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from everymode.condition import (
    UNLABELED,
    Condition,
    Features,
    concatenated,
    rows_of,
    with_maps_moved,
)
from everymode.precision import at_least_float32

if TYPE_CHECKING:
    from everymode.draws import Distribution, Draws


@dataclass(frozen=True)
class Batch:
    """Real examples, with the labels of the dataset or those that the label source assigned."""

    real: Tensor
    """[B, C, H, W] float images in [-1, 1], or points [B, 2]."""
    condition: Condition
    """[B] int64 labels (UNLABELED allowed), or the condition that the label source assigned."""
    index: Tensor
    """[B] int64 row numbers in the dataset."""
    mirrored: Tensor | None = None
    """[B] bool: True where the image was flipped horizontally. None = no flips."""

    def with_condition(self, condition: Condition) -> Batch:
        """Return the same batch with another condition."""
        return replace(self, condition=condition)


@dataclass(frozen=True)
class Verdict:
    """Output of a discriminator for a batch. A discriminator may also return a plain tensor of scores."""

    scores: tuple[Tensor, ...]
    """One tensor per scale: [B], [B, 1], [B, K + extra] class scores, or maps with the same second dimension."""
    classes: Tensor | None = None
    """[B, K] logits of an auxiliary class head, if they differ from the scores."""
    features: Features = ()
    """Intermediate activations, shallow to deep, of which the last is [B, F]; or one tuple per scale, of maps."""

    @classmethod
    def of(cls, output: Verdict | Tensor) -> Verdict:
        """Convert a discriminator's output to a Verdict whose scores and class logits have at least single precision.

        Args:
            output: a Verdict, or a tensor of scores.
        """
        verdict = output if isinstance(output, Verdict) else cls((output,))
        classes = None if verdict.classes is None else at_least_float32(verdict.classes)
        return cls(tuple(at_least_float32(scores) for scores in verdict.scores), classes, verdict.features)

    def rows(self, rows: slice) -> Verdict:
        """Return the verdict on some rows of the batch."""
        classes = None if self.classes is None else self.classes[rows]
        return Verdict(tuple(scale[rows] for scale in self.scores), classes, rows_of(self.features, rows))


@dataclass(frozen=True)
class AdversarialLoss:
    """Discriminator and generator loss of one paper, as pure functions of the scores of one scale."""

    discriminator: Callable[[Tensor, Tensor, Any, Any], Tensor]
    """(real scores, fake scores, real condition, fake condition) -> scalar."""
    generator: Callable[[Tensor, Any], Tensor]
    """(fake scores, fake condition) -> scalar."""
    realness: Callable[[Tensor, Any], Tensor]
    """(scores, condition) -> [B], higher = more real, 0 = undecided. Used by curves, adaptive augmentation and the
    collapse watch."""
    paired_generator: Callable[[Tensor, Tensor, Any, Any], Tensor] | None = None
    """Generator loss with the arguments of `discriminator`, for losses whose generator update also compares fakes with
    reals. If set, it replaces `generator`."""
    parts: Callable[[Tensor, Tensor, Any, Any], tuple[Tensor, Tensor]] | None = None
    """`discriminator`'s arguments -> (loss of the reals, loss of the fakes), two scalars whose sum is its loss. For the
    log only; None if the loss is not such a sum (pairs)."""


@dataclass(eq=False, repr=False)
class Turn:
    """Inputs of one update of one player. Verdicts are computed at the first access, then cached.

    In a discriminator update, accessing either verdict computes both: in one concatenated pass, or in two passes (real,
    then fake) if `one_pass` is False, if their shapes differ, or if the discriminator has batch normalization, whose
    statistics would mix reals and fakes. In a generator update each verdict is a separate pass, and the verdict on the
    reals carries no gradient.
    """

    game: Game
    """Game that is played."""
    batch: Batch
    """Real examples of the update."""
    step: int
    """Number of generator updates so far."""
    random: Draws
    """Random numbers of the update."""
    fake: Tensor
    """Generated examples of the update."""
    fake_condition: Condition
    """Condition of the generated examples."""
    generator_moves: bool = field(kw_only=True)
    """Whether the generator is updated; False for a discriminator update."""
    one_pass: bool = field(default=True, kw_only=True)
    """Whether the discriminator scores reals and fakes in one concatenated pass, where that is possible."""

    @cached_property
    def judged_real(self) -> Tensor:
        """Reals that the discriminator scores, after augmentation."""
        return self._augmented(self.batch.real, "real")

    @cached_property
    def judged_fake(self) -> Tensor:
        """Fakes that the discriminator scores, after augmentation."""
        return self._augmented(self.fake, "fake")

    @cached_property
    def judged_real_condition(self) -> Condition:
        """Condition of the reals as the discriminator gets it: label maps move with the images in augmentation."""
        return self._moved(self.batch.condition, "real")

    @cached_property
    def judged_fake_condition(self) -> Condition:
        """Condition of the fakes as the discriminator gets it."""
        return self._moved(self.fake_condition, "fake")

    @cached_property
    def real_verdict(self) -> Verdict:
        """Verdict on the reals."""
        if not self.generator_moves:
            return self._both[0]
        with torch.no_grad():
            return self._judge(self.judged_real, self.judged_real_condition)

    @cached_property
    def fake_verdict(self) -> Verdict:
        """Verdict on the fakes."""
        return (
            self._judge(self.judged_fake, self.judged_fake_condition)
            if self.generator_moves
            else self._both[1]
        )

    @cached_property
    def _both(self) -> tuple[Verdict, Verdict]:
        real, fake = self.judged_real, self.judged_fake
        alike = self.one_pass and real.shape[1:] == fake.shape[1:]
        if not alike or _has_batch_statistics(self.game.discriminator):
            return self._judge(real, self.judged_real_condition), self._judge(
                fake, self.judged_fake_condition
            )
        conditions = concatenated(self.judged_fake_condition, self.judged_real_condition)
        both = self._judge(torch.cat((fake, real)), conditions)
        # A discriminator of packs returns fewer verdicts than it got examples.
        fakes = len(both.scores[0]) * len(fake) // (len(fake) + len(real))
        return both.rows(slice(fakes, None)), both.rows(slice(fakes))

    def _judge(self, images: Tensor, condition: Condition) -> Verdict:
        return Verdict.of(self.game.discriminator(images, condition))

    def _augmented(self, images: Tensor, name: str) -> Tensor:
        augment = self.game.augment
        return images if augment is None else augment(images, self._augmentation_draws(name))

    def _moved(self, condition: Condition, name: str) -> Condition:
        move = getattr(self.game.augment, "move_maps", None)
        if move is None or not self.game.labels.pairs:
            return condition
        random = self._augmentation_draws(name)
        return with_maps_moved(condition, lambda maps: move(maps, random))

    def _augmentation_draws(self, name: str) -> Draws:
        # Terms compare each fake with its real, pixel by pixel, so a pair is augmented alike.
        return self.random.named("augment pair" if self.game.labels.pairs else f"augment {name}")


Term = Callable[[Turn], Tensor]
"""Turn -> scalar. It may be an nn.Module: its state is then saved in checkpoints."""
Schedule = Callable[[int], float]
"""Step (generator updates so far) -> value."""


@dataclass(frozen=True)
class Weighted:
    """Weighted term of an objective.

    Raises:
        ValueError: if `every` is below 1.
    """

    name: str
    """Key in the log."""
    term: Term
    """Turn -> scalar."""
    weight: float | Schedule = 1.0
    """Factor of the term, or a schedule of it."""
    every: int = 1
    """Interval in steps at which the term is applied. Its weight is multiplied by the interval, so that its mean effect
    stays the same."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every of term {self.name!r} must be at least 1 step, not {self.every}")

    def active(self, step: int) -> bool:
        """Return whether the term is applied at this step."""
        return step % self.every == 0

    def cost(self, turn: Turn) -> Tensor:
        """Compute the weighted term, a scalar."""
        weight = self.weight(turn.step) if callable(self.weight) else self.weight
        return self.term(turn) * (weight * self.every)


@dataclass(frozen=True)
class Objective:
    """Losses of an update: an adversarial loss, and additional terms for either player.

    The order of evaluation is fixed, because every pass through a network with normalized weights updates its state:
    real, then fake (in a generator update fake, then real if the loss compares the two), then the terms in their order.

    Raises:
        ValueError: if two terms of one player have the same name; without an adversarial loss, if the discriminator has
            terms or the generator has none.
    """

    adversarial: AdversarialLoss | None
    """Adversarial loss of both players; None = the generator's terms alone, and the discriminator is not trained."""
    discriminator_terms: tuple[Weighted, ...] = ()
    """Additional terms of the discriminator."""
    generator_terms: tuple[Weighted, ...] = ()
    """Additional terms of the generator."""
    adversarial_weight: float = 1.0
    """Factor of the adversarial loss in the generator's losses."""

    def __post_init__(self) -> None:
        for terms in (self.discriminator_terms, self.generator_terms):
            names = ["adversarial", *(each.name for each in terms)]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"the terms of an objective must have different names; repeated: {repeated}")
        if self.adversarial is None and self.discriminator_terms:
            names = ", ".join(each.name for each in self.discriminator_terms)
            raise ValueError(
                f"without an adversarial loss the discriminator is not trained, so it can't have the terms {names}: "
                "omit them, or add a loss"
            )
        if self.adversarial is None and not self.generator_terms:
            raise ValueError(
                "an objective without an adversarial loss needs at least one term of the generator"
            )

    def discriminator_losses(self, turn: Turn) -> dict[str, Tensor]:
        """Compute the losses of a discriminator update.

        Returns:
            Name -> scalar; the discriminator minimizes their sum.

        Raises:
            ValueError: if there is no adversarial loss.
        """
        if self.adversarial is None:
            raise ValueError("an objective without an adversarial loss has no discriminator updates")
        scales = zip(turn.real_verdict.scores, turn.fake_verdict.scores, strict=True)
        conditions = (turn.judged_real_condition, turn.judged_fake_condition)
        costs = [self.adversarial.discriminator(*scores, *conditions) for scores in scales]
        return _named(costs, self.discriminator_terms, turn)

    def realness(self, scores: tuple[Tensor, ...], condition: Condition) -> Tensor:
        """Return the realness [B] of examples by their scores at every scale: the mean over scales.

        Raises:
            ValueError: if there is no adversarial loss.
        """
        if self.adversarial is None:
            raise ValueError("an objective without an adversarial loss has no trained discriminator")
        levels = [self.adversarial.realness(each, condition) for each in scores]
        return levels[0] if len(levels) == 1 else torch.stack(levels).mean(0)

    @torch.no_grad()
    def discriminator_parts(self, turn: Turn) -> dict[str, Tensor]:
        """Return the adversarial cost of the reals and of the fakes, for the log; empty where the loss has no parts."""
        if self.adversarial is None or self.adversarial.parts is None:
            return {}
        scales = zip(turn.real_verdict.scores, turn.fake_verdict.scores, strict=True)
        conditions = (turn.judged_real_condition, turn.judged_fake_condition)
        costs = zip(*(self.adversarial.parts(*scores, *conditions) for scores in scales), strict=True)
        return {name: _mean(list(each)) for name, each in zip(("real", "fake"), costs, strict=True)}

    def generator_losses(self, turn: Turn) -> dict[str, Tensor]:
        """Compute the losses of a generator update.

        Returns:
            Name -> scalar; the generator minimizes their sum.
        """
        if self.adversarial is None:
            return {each.name: each.cost(turn) for each in self.generator_terms if each.active(turn.step)}
        fake, paired = turn.fake_verdict.scores, self.adversarial.paired_generator
        if paired is None:
            costs = [self.adversarial.generator(scores, turn.judged_fake_condition) for scores in fake]
        else:
            scales = zip(turn.real_verdict.scores, fake, strict=True)
            conditions = (turn.judged_real_condition, turn.judged_fake_condition)
            costs = [paired(*scores, *conditions) for scores in scales]
        if self.adversarial_weight != 1.0:
            costs = [cost * self.adversarial_weight for cost in costs]
        return _named(costs, self.generator_terms, turn)


class LabelSource(nn.Module):
    """Source of conditions; this base class uses the labels of the dataset. State must be buffers or parameters."""

    num_labels: int | tuple[int, ...] = 0
    """Number of labels; a tuple if images have several labels (label blocks); 0 = no labels."""
    names_classes: bool = True
    """Whether the labels are the classes of the dataset; False for clusters, parts and random labels."""
    needs_examples: bool = False
    """Whether a condition includes a picture or a label map, so that fakes need a real example to start from."""
    pairs: bool = False
    """Whether each fake is the counterpart of the real example in the same row, with whose map or picture it is paired.
    The two are then augmented alike, and the dataset provides these conditions instead of labels."""

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return the condition of the real examples."""
        return batch.condition

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """Return the condition of the fakes of an update; by default that of its (already labeled) real batch."""
        return batch.condition

    def draw(self, random: Draws) -> Condition:
        """Draw a condition for samples outside training, without a real batch.

        Raises:
            NotImplementedError: if the source can't draw labels without one.
        """
        raise NotImplementedError(f"{type(self).__name__} can't draw labels without a real batch")

    def distributions(self) -> tuple[Distribution, ...] | None:
        """Return the distributions of `draw`: one per label block if these are independent, otherwise one.

        Exported generators hold them, so that labels are drawn without this class. () = no labels; None = unknown.
        """
        return None

    def complete(self, labels: Tensor, random: Draws) -> Tensor:
        """Return the labels with missing ones (UNLABELED) replaced by drawn ones."""
        drawn = cast(Tensor, self.draw(random))  # sources that complete labels draw a tensor of them
        return torch.where(labels == UNLABELED, drawn, labels)

    def observe(self, batch: Batch) -> None:
        """Observe the labeled rows of this process; called in each discriminator update, once per micro-batch."""

    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        """Update the labels, in every process: before the first step, then every `refresh_every` steps of the recipe.

        Args:
            data: the dataset.
            random: draws of this step; `random.over(n)` has n rows.

        Returns:
            Name -> number, for the log.
        """
        return {}

    def label_unseen(self, examples: Tensor) -> Condition:
        """Return the condition of examples outside the training data; None if labels are the dataset's classes."""
        return None

    def accepts(self, fake: Tensor, condition: Condition) -> Tensor | None:
        """Return which samples match their condition, for rejection sampling: [B] bool, or None = unknown."""
        return None

    def sampling_state(self) -> dict[str, Tensor]:
        """Return the state that sampling needs beyond the recipe; it is exported with the generator's weights."""
        return {}

    def take_over(self, state: dict[str, Tensor]) -> str:
        """Load the matching parts of another run's label state, so that each label keeps its meaning on other data.

        Args:
            state: the state dict of the other run's label source.

        Returns:
            A sentence on what was loaded, or "" if a label means the same in every run.
        """
        return ""

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        """Load a state that `sampling_state` returned.

        Raises:
            RuntimeError: if it does not fit.
        """


@dataclass
class Game:
    """Two networks, a label source and an objective."""

    generator: nn.Module
    """generator(z [B, latent_dim], condition, size=None) -> fakes; it has the attribute `latent_dim`. With 0 there is
    no latent code, and z is None."""
    discriminator: nn.Module
    """discriminator(x, condition) -> Verdict or scores; it has the method `features(x)`, which needs no label."""
    labels: LabelSource
    """Source of the conditions of reals and fakes."""
    objective: Objective
    """Losses of both players."""
    augment: Callable[[Tensor, Draws], Tensor] | None = None
    """augment(x, random) -> x, applied to all inputs of the discriminator. Its method `move_maps(maps, random)`, if it
    has one, moves label maps [B, H, W] as it moves the images. An adaptive one is an nn.Module with a
    method `observe(mean_sign)`, called after every discriminator update with the mean sign of the realness of the reals
    (a scalar on the device, over all processes), and a scalar tensor `strength`, which is logged."""
    constraint: Callable[[nn.Module], None] | None = None
    """constraint(discriminator), applied in place and without gradient after each of its optimizer steps, such as
    weight clipping."""
    modules: dict[str, nn.Module] = field(init=False, repr=False)
    """Modules with state (all nn.Modules above) by name; they are saved in checkpoints."""

    def __post_init__(self) -> None:
        self.modules = {name: getattr(self, name) for name in ("generator", "discriminator", "labels")}
        objective = self.objective
        sides = (("discriminator", objective.discriminator_terms), ("generator", objective.generator_terms))
        callables = {f"terms/{side}/{each.name}": each.term for side, terms in sides for each in terms}
        callables |= {"augment": self.augment, "constraint": self.constraint}
        self.modules |= {name: each for name, each in callables.items() if isinstance(each, nn.Module)}

    def generate(self, random: Draws, condition: Condition, size: tuple[int, int] | None = None) -> Tensor:
        """Generate fakes under a condition, from latent codes (if any) of the random stream "z", standard normal.

        Args:
            size: (height, width) in pixels, for generators that draw at any size; None = the training size.
        """
        z = latent_codes(self.generator, random)
        return self.generator(z, condition) if size is None else self.generator(z, condition, size)


def latent_codes(generator: nn.Module, random: Draws) -> Tensor | None:
    """Draw latent codes [B, latent_dim] of a generator, stream "z", standard normal; None if its latent_dim is 0."""
    length = cast(int, generator.latent_dim)  # an attribute of every generator
    return random.normal("z", length) if length else None


def _named(costs: list[Tensor], terms: tuple[Weighted, ...], turn: Turn) -> dict[str, Tensor]:
    return {"adversarial": _mean(costs)} | {
        each.name: each.cost(turn) for each in terms if each.active(turn.step)
    }


def _mean(costs: list[Tensor]) -> Tensor:
    return costs[0] if len(costs) == 1 else torch.stack(costs).mean()


def _has_batch_statistics(network: nn.Module) -> bool:
    attributes = vars(network)  # the result is cached on the network
    if "_has_batch_statistics" not in attributes:
        names = (type(module).__name__.lower() for module in network.modules())
        attributes["_has_batch_statistics"] = any("batchnorm" in name for name in names)
    return attributes["_has_batch_statistics"]
