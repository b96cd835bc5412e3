"""Changes of the training that a schedule makes at a step, which the collapse watch must not take for a collapse."""

from __future__ import annotations

from everymode.game import Objective, Weighted
from everymode.recipe import Recipe
from everymode.training.optimizers import learning_rate_share
from everymode.training.settling import settles

__all__ = ["scheduled_changes"]

SWITCHED = 0.5
"""Least change of a term's weight in one step, as a share of the larger weight, that is a switch."""


def scheduled_changes(
    recipe: Recipe, objective: Objective, step: int, *, refreshed: bool = False
) -> list[str]:
    """Return the changes that come into effect in a step, in words; empty if it is made as the one before.

    Args:
        recipe: the recipe.
        objective: objective of its game, whose terms may have scheduled weights.
        step: the step.
        refreshed: whether the label source was refreshed before it.
    """
    if step == 0:
        return []
    changes = ["the generator settles"] if settles(recipe, step) and not settles(recipe, step - 1) else []
    if learning_rate_share(recipe, step) < 1 <= learning_rate_share(recipe, step - 1):
        changes.append("the learning rates begin to fall")
    terms = {"discriminator": objective.discriminator_terms, "generator": objective.generator_terms}
    for player, weighted in terms.items():
        changes += [f"{player}/{term.name} is switched" for term in weighted if _switched(term, step)]
    return [*changes, "labels are refreshed"] if refreshed else changes


def _switched(term: Weighted, step: int) -> bool:
    if not callable(term.weight):
        return False
    before, now = float(term.weight(step - 1)), float(term.weight(step))
    return abs(now - before) > SWITCHED * max(abs(before), abs(now))
