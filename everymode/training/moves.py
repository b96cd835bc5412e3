"""One move of either player: from real examples and draws to losses, gradients and new parameters.

These functions are the whole arithmetic of training, and they can be called alone: given a game, real batches, draws
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
"""Makes the context in which the networks run: nothing, or autocast."""

Average = Callable[[Sequence[nn.Parameter]], None]
"""Averages gradients over processes."""


@dataclass(frozen=True)
class Part:
    """The rows of one move that go through the networks at once: a whole batch, or one accumulated part of it."""

    batch: Batch
    random: Draws


@dataclass(frozen=True)
class Played:
    """What a move leaves behind for the next one and for the log."""

    losses: dict[str, Tensor]
    """Named scalars, detached, averaged over parts."""
    turns: tuple[Turn, ...]
    """One per part, the real batches labeled."""
    gradient_norm: Tensor
    """L2 norm, over all parameters, of the gradient that the optimizer was given: averaged over parts and processes,
    before weight decay. A scalar, detached; no part of what is minimized."""
    kept_fake: Tensor | None = None
    """Fakes that still carry the generator's graph, where they are to be reused."""


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
    """One discriminator move: label the reals, make fakes, judge both, take one optimizer step.

    Args:
        parts: equal parts of the batch; gradients are the mean over them.
        step: generator moves made so far (terms and schedules depend on it).
        one_pass: judge reals and fakes in one concatenated pass where the networks allow it.
        keep_fakes: keep the generator's graph for `play_generator`. One part only.
    """
    if keep_fakes and len(parts) > 1:
        raise ValueError(f"fakes can be kept for the generator's move from one part, not from {len(parts)}")
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
    """One generator move: make fakes, have the frozen discriminator judge them, take one optimizer step.

    Args:
        parts: the batches of the last discriminator move, already labeled, with draws of this move.
        reused: the discriminator move whose kept fakes (and z, and labels) this move plays with, in place of new ones.
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
    """The L2 norm of all gradients together, a scalar that stays on the device. Parameters without one count as 0."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """The network's parameters take no gradient in this block: it only passes gradients on to its input."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def _descend(losses: dict[str, Tensor], totals: dict[str, Tensor], parts: int) -> None:
    """Add this part's gradients, and its losses to the totals."""
    total = torch.stack(list(losses.values())).sum() if len(losses) > 1 else next(iter(losses.values()))
    if parts > 1:
        total = total / parts
    total.backward()
    for name, loss in losses.items():
        share = loss.detach() if parts == 1 else loss.detach() / parts
        totals[name] = totals[name] + share if name in totals else share


@contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode within the block, every layer as it was behind it."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
