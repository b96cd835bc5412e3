"""The scalars of an update for the log, by name: losses, realness and gradient norms. They stay on the device."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from everymode.game import Game, Turn
from everymode.training.moves import Played
from everymode.training.tally import prefixed


def discriminator_scalars(
    game: Game, played: Played, *, device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return the scalars of a discriminator update.

    Scalars whose names begin with "discriminator/" are the terms whose sum the discriminator minimizes; others have
    other prefixes: mean realness and share above 0, loss on reals and on fakes, gradient norm.
    """
    scalars = prefixed("discriminator", played.losses)
    with torch.no_grad():
        for name in ("real", "fake"):
            parts = [realness_of(turn, name) for turn in played.turns]
            levels = parts[0] if len(parts) == 1 else torch.cat(parts)
            scalars[f"judgment/{name}"] = levels.mean().to(dtype)
            scalars[f"judgment/{name}_above_0"] = (levels > 0).to(dtype).mean()
        each = [game.objective.discriminator_parts(turn) for turn in played.turns]
        for name in each[0]:
            scalars[f"adversarial/{name}"] = torch.stack([costs[name] for costs in each]).mean()
    return scalars | {"gradient_norm/discriminator": played.gradient_norm.to(device, dtype)}


def generator_scalars(played: Played, *, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the scalars of a generator update; those with "generator/" are the terms that it minimizes."""
    norm = played.gradient_norm.to(device, dtype)
    return prefixed("generator", played.losses) | {"gradient_norm/generator": norm}


def realness_of(turn: Turn, name: Literal["real", "fake"]) -> Tensor:
    """Return D's realness [B] of the reals or the fakes of an update."""
    if name == "real":
        return turn.game.objective.realness(turn.real_verdict.scores, turn.judged_real_condition)
    return turn.game.objective.realness(turn.fake_verdict.scores, turn.judged_fake_condition)
