"""Estimate of a game's time before its first step, from passes of both players of a copy of it."""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext

import torch

from everymode.game import Condition, Game, Turn
from everymode.training.moves import Part, Precision, frozen

__all__ = ["seconds_per_step"]


def seconds_per_step(
    game: Game, part: Part, *, discriminator_steps: int, micro_batches: int, precision: Precision
) -> float:
    """Return roughly how many seconds a step takes: both players' passes and gradients, without optimizers.

    Each player is timed twice, and the least time counts. A copy of the game plays, because terms may have a state,
    too. All labels are 0: the label source may not have learned anything yet. Without an adversarial loss, only the
    generator is updated.

    Args:
        game: the game.
        part: a micro-batch.
        discriminator_steps: discriminator updates per step.
        micro_batches: micro-batches per update.
        precision: makes the context in which the networks run.
    """
    device = part.batch.real.device
    copies = copy.deepcopy(game)
    players = ("generator",) if game.objective.adversarial is None else ("discriminator", "generator")
    seconds: dict[str, list[float]] = {player: [] for player in players}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.enable_grad():
        for player in players * 3:
            begin = time.perf_counter()
            _pass(copies, part, precision, generator_moves=player == "generator")
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds[player].append(time.perf_counter() - begin)
    least = {player: min(times[1:]) for player, times in seconds.items()}  # the first pass warms up
    return micro_batches * (discriminator_steps * least.get("discriminator", 0.0) + least["generator"])


def _pass(game: Game, part: Part, precision: Precision, *, generator_moves: bool) -> None:
    """Compute the gradients of one player's losses on a micro-batch."""
    blocks, real = game.labels.num_labels, part.batch.real
    shape = (len(real), len(blocks)) if isinstance(blocks, tuple) else (len(real),)
    labels: Condition = torch.zeros(shape, dtype=torch.long, device=real.device) if blocks else None
    if game.labels.needs_examples:  # its conditions come with the batch
        labels = game.labels.assign(part.batch, game.discriminator, part.random)
    with frozen(game.discriminator) if generator_moves else nullcontext():
        with precision():
            with torch.set_grad_enabled(generator_moves):
                fake = game.generate(part.random, labels)
            batch = part.batch.with_condition(labels)
            turn = Turn(game, batch, 0, part.random, fake, labels, generator_moves=generator_moves)
            objective = game.objective
            losses = (objective.generator_losses if generator_moves else objective.discriminator_losses)(turn)
        torch.stack(list(losses.values())).sum().backward()
