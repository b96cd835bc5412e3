"""The flag `--numbers`: other hyper-parameters for the cases of an experiment ("beta1=0.5,discriminator_steps=4")."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from experiments.harness.budget import scaled
from experiments.harness.results import Case


def named_numbers(text: str) -> dict[str, Any]:
    """Parse "a=1,b=x" to {"a": 1, "b": "x"}.

    Raises:
        ValueError: for an entry without a name or a value.
    """
    found: dict[str, Any] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        name, separator, value = pair.partition("=")
        if not (name and separator and value):
            raise ValueError(f'"{pair}" names no number and its value: write it as in discriminator_steps=4')
        try:
            found[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.replace("-", "_")] = value
    return found


def add_numbers_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--numbers`, for the needs of short runs."""
    flags.add_argument(
        "--numbers",
        default="",
        help="other numbers of all methods that have them, such as generator_lr=1e-3,feature_steps=300",
    )


def changed_numbers(text: str) -> str:
    """Return how a report describes the changes."""
    return f"; changed: {text}" if text else ""


def renumbered(all_cases: Sequence[Case], text: str) -> list[Case]:
    """Return the cases with the hyper-parameters of `text`, each with those that its recipe has.

    With other steps, everything that a budget scales follows them.

    Raises:
        ValueError: for a hyper-parameter that no recipe has, and as `named_numbers`.
    """
    numbers = named_numbers(text)
    for name in numbers:
        if not any(name in case.recipe.flat_numbers() for case in all_cases):
            known = {each for case in all_cases for each in case.recipe.flat_numbers()}
            near = get_close_matches(name, known, n=1)
            hint = f". Did you mean {near[0]}?" if near else ""
            raise ValueError(f"no method has a number called {name}{hint}")
    steps = numbers.pop("steps", None)
    if steps is not None and (not isinstance(steps, int) or steps < 20):
        raise ValueError(f"steps is {steps}; it must be a whole number from 20 on")
    found = []
    for case in all_cases:
        if steps is not None:
            case = case._replace(recipe=scaled(case.recipe, steps / case.recipe.steps))
        own = case.recipe.flat_numbers()
        known = {name: value for name, value in numbers.items() if name in own}
        found.append(case._replace(recipe=case.recipe.with_numbers(**known)))
    return found
