"""One update of either player: from real examples and random draws to losses, gradients and new parameters.

These functions are the complete arithmetic of training, and can be called alone: given a game, real batches, draws
(which may be injected) and an optimizer, they do exactly what the trainer does, in any precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import Batch, Game, Turn

Precision = Callable[[], AbstractContextManager[Any]]
"""Makes the context in which the networks run: an empty one, or autocast."""

Average = Callable[[Sequence[nn.Parameter]], None]
"""Averages gradients over processes."""


@dataclass(frozen=True)
class Part:
    """A micro-batch: the rows of one update that pass through the networks at once."""

    batch: Batch
    random: Draws


@dataclass(frozen=True)
class Played:
    """Results of an update, for the next one and for the log."""

    losses: dict[str, Tensor]
    """Named scalars, detached, averaged over micro-batches."""
    turns: tuple[Turn, ...]
    """One per micro-batch, with labeled real batches."""
    gradient_norm: Tensor
    """L2 norm, over all parameters, of the gradient that the optimizer received: averaged over micro-batches and ranks,
    before weight decay. A detached scalar.
    """
    kept_fake: Tensor | None = None
    """Fakes that still carry the generator's graph, if they are to be reused."""


def play_discriminator(
    game: Game,
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Part],
    *,
    step: int,
    one_pass: bool = True,
    keep_fakes: bool = False,
    precision: Precision = nullcontext,
    average: Average | None = None,
) -> Played:
    """Make one discriminator update: label the reals, generate fakes, score both, take one optimizer step.

    Args:
        game: the networks, label source and objective.
        optimizer: of the discriminator.
        parts: micro-batches of equal size; gradients are averaged over them.
        step: generator updates made so far (terms and schedules depend on it).
        one_pass: score reals and fakes in one concatenated pass where the networks allow it.
        keep_fakes: keep the generator's graph for `play_generator`. One micro-batch only.
        precision: makes the context in which the networks run.
        average: averages gradients over processes.

    Raises:
        ValueError: if fakes are to be kept from several micro-batches.
    """
    if keep_fakes and len(parts) > 1:
        raise ValueError(
            f"fakes can be kept for the generator's update from one micro-batch, not {len(parts)}: accumulation must "
            "be 1"
        )
    optimizer.zero_grad(set_to_none=True)
    turns: list[Turn] = []
    totals: dict[str, Tensor] = {}
    kept = None
    for part in parts:
        with precision():
            condition = game.labels.assign(part.batch, game.discriminator, part.random)
            batch = part.batch.with_condition(condition)
            game.labels.observe(batch)
            fake_condition = game.labels.for_fakes(batch, part.random)
            with torch.set_grad_enabled(keep_fakes):
                fake = game.generate(part.random, fake_condition)
            kept = fake if keep_fakes else None
            turn = Turn(
                game,
                batch,
                step,
                part.random,
                fake.detach(),
                fake_condition,
                generator_moves=False,
                one_pass=one_pass,
            )
            losses = game.objective.discriminator_losses(turn)
        _descend(losses, totals, len(parts))
        turns.append(turn)
    parameters = list(game.discriminator.parameters())
    if average is not None:
        average(parameters)
    norm = gradient_norm(parameters)
    optimizer.step()
    if game.constraint is not None:
        with torch.no_grad():
            game.constraint(game.discriminator)
    return Played(totals, tuple(turns), norm, kept)


def label_reals(game: Game, parts: Sequence[Part], *, step: int) -> Played:
    """Label the real batches of an update that no discriminator takes part in (an objective of terms alone).

    Returns:
        An update without losses, for `play_generator`.
    """
    turns = []
    for part in parts:
        condition = game.labels.assign(part.batch, game.discriminator, part.random)
        batch = part.batch.with_condition(condition)
        fake_condition = game.labels.for_fakes(batch, part.random)
        turns.append(Turn(game, batch, step, part.random, batch.real, fake_condition, generator_moves=False))
    return Played({}, tuple(turns), parts[0].batch.real.new_zeros(()))


def play_generator(
    game: Game,
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Part],
    *,
    step: int,
    reused: Played | None = None,
    precision: Precision = nullcontext,
    average: Average | None = None,
) -> Played:
    """Make one generator update: generate fakes, score them by the frozen discriminator, take one optimizer step.

    Args:
        game: the networks, label source and objective.
        optimizer: of the generator.
        parts: the labeled micro-batches of the last discriminator update, with random draws of this update.
        step: generator updates made so far.
        reused: discriminator update whose kept fakes (and z, and labels) are used instead of new ones.
        precision: makes the context in which the networks run.
        average: averages gradients over processes.
    """
    optimizer.zero_grad(set_to_none=True)
    turns: list[Turn] = []
    totals: dict[str, Tensor] = {}
    with frozen(game.discriminator):
        for part in parts:
            with precision():
                if reused is not None and reused.kept_fake is not None:
                    fake, fake_condition = reused.kept_fake, reused.turns[0].fake_condition
                else:
                    fake_condition = game.labels.for_fakes(part.batch, part.random)
                    fake = game.generate(part.random, fake_condition)
                turn = Turn(game, part.batch, step, part.random, fake, fake_condition, generator_moves=True)
                losses = game.objective.generator_losses(turn)
            _descend(losses, totals, len(parts))
            turns.append(turn)
    parameters = list(game.generator.parameters())
    if average is not None:
        average(parameters)
    norm = gradient_norm(parameters)
    optimizer.step()
    return Played(totals, tuple(turns), norm)


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return the L2 norm of all gradients together, a scalar on the device. Parameters without gradient count as 0."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Freeze the network's parameters in this block: gradients pass through it to its input only."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def _descend(losses: dict[str, Tensor], totals: dict[str, Tensor], parts: int) -> None:
    """Add this micro-batch's gradients to the parameters, and its losses to the totals."""
    total = torch.stack(list(losses.values())).sum() if len(losses) > 1 else next(iter(losses.values()))
    if parts > 1:
        total = total / parts
    total.backward()
    for name, loss in losses.items():
        share = loss.detach() if parts == 1 else loss.detach() / parts
        totals[name] = totals[name] + share if name in totals else share


@contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Put the network into eval mode in this block, and restore every layer's mode afterward."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
