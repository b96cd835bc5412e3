"""Recipes at a share of their steps, and what reports say of them."""

from __future__ import annotations

from typing import Any

from everymode.recipe import Recipe


def width_of(recipe: Recipe) -> int:
    """The base number of channels of a recipe's networks."""
    return recipe.flat_numbers()["width"]


def scaled(recipe: Recipe, budget: float, **numbers: Any) -> Recipe:
    """The recipe at `budget` times its steps: 20 ticks, two checkpoints, and every step it names scaled with it.

    So is the memory of the averaged generator: what a step weighs at the end depends on how far back it lies in the
    run, as a share of it. Else a short run is judged by an average that still holds its first weights.
    """
    steps = max(20, round(recipe.steps * budget))
    share, has = steps / recipe.steps, recipe.flat_numbers()
    named: dict[str, Any] = {
        name: max(1, round(has[name] * share))
        for name in ("ema_start", "hinge_start", "refresh_every", "guide_steps", "feature_steps")
        if has.get(name)
    }
    named["ema_decay"] = recipe.ema_decay ** (1 / share)
    tick = max(1, steps // 20)
    return recipe.with_numbers(
        **({"steps": steps, "tick": tick, "snapshot": max(1, steps // 2)} | named | numbers)
    )
