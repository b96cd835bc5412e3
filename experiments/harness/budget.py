"""Recipes at a fraction of their steps, and how reports describe them."""

from __future__ import annotations

from typing import Any

from everymode.recipe import Recipe


def width_of(recipe: Recipe) -> int:
    """Return the base number of channels of a recipe's networks."""
    return recipe.flat_numbers()["width"]


def scaled(recipe: Recipe, budget: float, **numbers: Any) -> Recipe:
    """Return the recipe at `budget` times its steps: 20 ticks, two checkpoints, and everything in steps scaled.

    The decay of the averaged generator is scaled too: the final weight of a step depends on how far back it is as a
    fraction of the run. Otherwise a short run would be scored by an average that still contains its first weights.
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
