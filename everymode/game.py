"""The game that every recipe plays. Read this file first.

A Turn is what one player sees in one move. An Objective says what that move costs. Every extra term that a paper
adds is a function of a Turn. A paper is then a choice of parts: networks, a label source, a loss, a few terms.

Devices, ranks, optimizers, mixed precision, moving averages and logs are for the trainer, which knows no loss or paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from everymode.precision import at_least_float32

if TYPE_CHECKING:
    from everymode.draws import Draws

UNLABELED = -1
"""The label of an image that has none."""
Condition = Tensor | tuple[Tensor, ...] | None
"""What an image is generated under: labels [B] (or [B, blocks]), a tuple of tensors, or None."""


@dataclass(frozen=True)
class Batch:
    """Real examples, as the data set gives them or as the label source has labeled them."""

    real: Tensor
    """[B, C, H, W] float images in [-1, 1], or points [B, 2]."""
    condition: Condition
    """[B] int64 labels (UNLABELED allowed), or whatever the label source made of them."""
    index: Tensor
    """[B] int64 rows in the data set."""
    mirrored: Tensor | None = None
    """[B] bool, which images are shown left to right; None = none of them."""

    def with_condition(self, condition: Condition) -> Batch:
        return replace(self, condition=condition)


@dataclass(frozen=True)
class Verdict:
    """What a discriminator says of a batch. A discriminator may also return a plain tensor: it is taken as scores."""

    scores: tuple[Tensor, ...]
    """One tensor per scale: [B], [B, 1], [B, K + extra] class scores, or maps with the same second dimension."""
    classes: Tensor | None = None
    """[B, K] logits of an auxiliary class head, where they are not the scores."""
    features: tuple[Tensor, ...] = ()
    """Tapped activations, shallow to deep; the last is [B, F]."""

    @classmethod
    def of(cls, answer: Verdict | Tensor) -> Verdict:
        """A Verdict with scores of at least single precision, whatever precision the network ran in."""
        verdict = answer if isinstance(answer, Verdict) else cls((answer,))
        classes = None if verdict.classes is None else at_least_float32(verdict.classes)
        return cls(tuple(at_least_float32(scores) for scores in verdict.scores), classes, verdict.features)

    def rows(self, rows: slice) -> Verdict:
        """The verdicts on some rows, of a pass over more."""
        classes = None if self.classes is None else self.classes[rows]
        features = tuple(layer[rows] for layer in self.features)
        return Verdict(tuple(scale[rows] for scale in self.scores), classes, features)


@dataclass(frozen=True)
class AdversarialLoss:
    """Both sides of one published loss, as pure functions of one scale's scores."""

    discriminator: Callable[[Tensor, Tensor, Any, Any], Tensor]
    """(real scores, fake scores, real condition, fake condition) -> scalar."""
    generator: Callable[[Tensor, Any], Tensor]
    """(fake scores, fake condition) -> scalar."""
    realness: Callable[[Tensor, Any], Tensor]
    """(scores, condition) -> [B], higher = more real, 0 = undecided: for curves, adaptive augmentation, the watch."""
    paired_generator: Callable[[Tensor, Tensor, Any, Any], Tensor] | None = None
    """In place of `generator`, with `discriminator`'s arguments, where that move too compares fakes with reals."""
    parts: Callable[[Tensor, Tensor, Any, Any], tuple[Tensor, Tensor]] | None = None
    """`discriminator`'s arguments -> (cost of the reals, cost of the fakes), two scalars whose sum is its cost; for the
    log only. None where the cost is not such a sum (pairs)."""


@dataclass(eq=False, repr=False)
class Turn:
    """What one player sees in one move. Verdicts are computed when first read, then kept.

    In the discriminator's move, reading either verdict computes both: in one concatenated pass, or in two (real, then
    fake) where `one_pass` is off, where shapes differ, or where batch normalization's statistics would mix the two.
    In the generator's move each verdict is a pass of its own, and the one on the reals carries no graph.
    """

    game: Game
    batch: Batch
    step: int
    random: Draws
    fake: Tensor
    fake_condition: Condition
    generator_moves: bool = field(kw_only=True)
    one_pass: bool = field(default=True, kw_only=True)

    @cached_property
    def judged_real(self) -> Tensor:
        """The reals as the discriminator sees them: after augmentation."""
        return self._augmented(self.batch.real, "real")

    @cached_property
    def judged_fake(self) -> Tensor:
        """The fakes as the discriminator sees them: after augmentation."""
        return self._augmented(self.fake, "fake")

    @cached_property
    def real_verdict(self) -> Verdict:
        if not self.generator_moves:
            return self._both[0]
        with torch.no_grad():
            return self._judge(self.judged_real, self.batch.condition)

    @cached_property
    def fake_verdict(self) -> Verdict:
        return self._judge(self.judged_fake, self.fake_condition) if self.generator_moves else self._both[1]

    @cached_property
    def _both(self) -> tuple[Verdict, Verdict]:
        real, fake = self.judged_real, self.judged_fake
        alike = self.one_pass and real.shape[1:] == fake.shape[1:]
        if not alike or _has_batch_statistics(self.game.discriminator):
            return self._judge(real, self.batch.condition), self._judge(fake, self.fake_condition)
        both = self._judge(torch.cat((fake, real)), _concatenate(self.fake_condition, self.batch.condition))
        # A discriminator of packs has fewer verdicts than it was shown examples.
        fakes = len(both.scores[0]) * len(fake) // (len(fake) + len(real))
        return both.rows(slice(fakes, None)), both.rows(slice(fakes))

    def _judge(self, images: Tensor, condition: Condition) -> Verdict:
        return Verdict.of(self.game.discriminator(images, condition))

    def _augmented(self, images: Tensor, name: str) -> Tensor:
        augment = self.game.augment
        return images if augment is None else augment(images, self.random.named(f"augment {name}"))


Term = Callable[[Turn], Tensor]
"""Turn -> scalar. It may be an nn.Module: its state is then kept in checkpoints."""
Schedule = Callable[[int], float]
"""Step (generator moves made so far) -> value."""


@dataclass(frozen=True)
class Weighted:
    """A term of an objective, with its weight."""

    name: str
    """The key in the log."""
    term: Term
    weight: float | Schedule = 1.0
    every: int = 1
    """Applied on every n-th step, multiplied by n, so that its mean pull stays the same."""

    def __post_init__(self) -> None:
        if self.every < 1:
            wrong = f"is applied every n-th step with n at least 1, not {self.every}"
            raise ValueError(f"term {self.name!r} {wrong}")

    def active(self, step: int) -> bool:
        return step % self.every == 0

    def cost(self, turn: Turn) -> Tensor:
        weight = self.weight(turn.step) if callable(self.weight) else self.weight
        return self.term(turn) * (weight * self.every)


@dataclass(frozen=True)
class Objective:
    """What a move costs: an adversarial loss, and terms for either player.

    The order of evaluation is fixed, because every pass through a network with normalized weights counts: real, then
    fake (in the generator's move fake, then real where the loss compares the two), then the terms as they are listed.
    """

    adversarial: AdversarialLoss
    discriminator_terms: tuple[Weighted, ...] = ()
    generator_terms: tuple[Weighted, ...] = ()

    def __post_init__(self) -> None:
        for terms in (self.discriminator_terms, self.generator_terms):
            names = ["adversarial", *(each.name for each in terms)]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"each term of an objective needs a name of its own; repeated: {repeated}")

    def discriminator_losses(self, turn: Turn) -> dict[str, Tensor]:
        """Named scalars of a discriminator's move; their sum is what it minimizes."""
        scales = zip(turn.real_verdict.scores, turn.fake_verdict.scores, strict=True)
        conditions = (turn.batch.condition, turn.fake_condition)
        costs = [self.adversarial.discriminator(*scores, *conditions) for scores in scales]
        return _named(costs, self.discriminator_terms, turn)

    @torch.no_grad()
    def discriminator_parts(self, turn: Turn) -> dict[str, Tensor]:
        """Return the adversarial cost of the reals and of the fakes, for the log; empty where the loss has no parts."""
        if self.adversarial.parts is None:
            return {}
        scales = zip(turn.real_verdict.scores, turn.fake_verdict.scores, strict=True)
        conditions = (turn.batch.condition, turn.fake_condition)
        costs = zip(*(self.adversarial.parts(*scores, *conditions) for scores in scales), strict=True)
        return {name: _mean(list(each)) for name, each in zip(("real", "fake"), costs, strict=True)}

    def generator_losses(self, turn: Turn) -> dict[str, Tensor]:
        """Named scalars of a generator's move; their sum is what it minimizes."""
        fake, paired = turn.fake_verdict.scores, self.adversarial.paired_generator
        if paired is None:
            costs = [self.adversarial.generator(scores, turn.fake_condition) for scores in fake]
        else:
            scales = zip(turn.real_verdict.scores, fake, strict=True)
            costs = [paired(*scores, turn.batch.condition, turn.fake_condition) for scores in scales]
        return _named(costs, self.generator_terms, turn)


class LabelSource(nn.Module):
    """Where conditions come from; by itself, the data set's labels. What it must remember is a buffer or parameter."""

    num_labels: int | tuple[int, ...] = 0
    """How many labels it gives; for several labels an image (label blocks) a tuple; 0 where there is no label."""
    names_classes: bool = True
    """Whether its labels are the data set's own classes: clusters, parts and random labels are not."""

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """The condition of the real examples."""
        return batch.condition

    def for_fakes(self, batch: Batch, random: Draws) -> Condition:
        """The condition to generate under, given the (already labeled) real batch of the same move: here, the same."""
        return batch.condition

    def draw(self, random: Draws) -> Condition:
        """A condition for samples outside training, where there is no real batch."""
        raise NotImplementedError(f"{type(self).__name__} can't draw labels without a real batch")

    def complete(self, labels: Tensor, random: Draws) -> Tensor:
        """Labels with those that are missing (UNLABELED) drawn."""
        return torch.where(labels == UNLABELED, self.draw(random), labels)

    def observe(self, batch: Batch) -> None:
        """Called in each discriminator move, once for each accumulated part, with this process's labeled rows."""

    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        """Called before the first step, and then as often as the recipe's `refresh_every` says, in every process, with
        the data set and draws of this moment (`random.over(n)` has n rows). Returns numbers for the run's record.
        """
        return {}

    def label_unseen(self, examples: Tensor) -> Condition:
        """The condition of examples outside the training data, where the labels are not the data set's classes."""
        return None

    def accepts(self, fake: Tensor, condition: Condition) -> Tensor | None:
        """[B] bool: which samples are what was asked for, for rejection sampling; None = can't be told."""
        return None

    def sampling_state(self) -> dict[str, Tensor]:
        """What drawing samples needs beyond the recipe's numbers: it is shared beside the generator's weights."""
        return {}

    def take_over(self, state: dict[str, Tensor]) -> str:
        """Take what fits of another run's labels (their state dict), so that numbers keep their meaning on other data.
        Returns a sentence on what was taken, or "" where a label means the same in every run.
        """
        return ""

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        """Take what `sampling_state` gave. Raises RuntimeError if it does not fit."""


@dataclass
class Game:
    """The two players, the label source, and what a move costs.

    generator(z [B, latent_dim], condition, size=None) -> fakes, with the attribute `latent_dim`;
    discriminator(x, condition) -> Verdict or scores, with `.features(x)`, which needs no label;
    augment(x, random) -> x, applied to whatever the discriminator judges. One that adapts is an nn.Module with a method
    `observe(mean_sign)`, called after every discriminator move with the mean sign of its realness of the reals (a
    scalar on the device, over all processes), and a scalar tensor `strength`, which is logged;
    constraint(discriminator), applied in place and without gradient after each of its optimizer steps: clipping, say.
    """

    generator: nn.Module
    discriminator: nn.Module
    labels: LabelSource
    objective: Objective
    augment: Callable[[Tensor, Draws], Tensor] | None = None
    constraint: Callable[[nn.Module], None] | None = None
    modules: dict[str, nn.Module] = field(init=False, repr=False)
    """Everything that carries state (all nn.Modules above), by name: it is kept in checkpoints."""

    def __post_init__(self) -> None:
        self.modules = {name: getattr(self, name) for name in ("generator", "discriminator", "labels")}
        objective = self.objective
        sides = (("discriminator", objective.discriminator_terms), ("generator", objective.generator_terms))
        found = {f"terms/{side}/{each.name}": each.term for side, terms in sides for each in terms}
        found |= {"augment": self.augment, "constraint": self.constraint}
        self.modules |= {name: each for name, each in found.items() if isinstance(each, nn.Module)}

    def generate(self, random: Draws, condition: Condition, size: tuple[int, int] | None = None) -> Tensor:
        """Fakes for a condition, from latent codes drawn from the stream "z" (standard normal)."""
        z = random.normal("z", self.generator.latent_dim)
        return self.generator(z, condition) if size is None else self.generator(z, condition, size)


def _named(costs: list[Tensor], terms: tuple[Weighted, ...], turn: Turn) -> dict[str, Tensor]:
    return {"adversarial": _mean(costs)} | {
        each.name: each.cost(turn) for each in terms if each.active(turn.step)
    }


def _mean(costs: list[Tensor]) -> Tensor:
    return costs[0] if len(costs) == 1 else torch.stack(costs).mean()


def _concatenate(first: Condition, second: Condition) -> Condition:
    if (first is None) != (second is None):
        raise ValueError(
            "reals and fakes must both have a condition or both have none: the label source labels only one of them"
        )
    if isinstance(first, tuple):
        return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))
    return None if first is None else torch.cat((first, second))


def _has_batch_statistics(network: nn.Module) -> bool:
    known = vars(network)  # looked for once in each network
    if "_has_batch_statistics" not in known:
        names = (type(module).__name__.lower() for module in network.modules())
        known["_has_batch_statistics"] = any("batchnorm" in name for name in names)
    return known["_has_batch_statistics"]
