"""Cases of the benchmark of mode collapse in the plane, and the scores in Self-Conditioned GAN's paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.self_conditioned import Clusters
from experiments.harness.results import Case

METHODS = {
    "gan": "GAN",
    "pac-gan2": "PacGAN2",
    "pac-gan3": "PacGAN3",
    "pac-gan4": "PacGAN4",
    "random-labels-gan": "random labels (k = 50)",
    "mgan": "MGAN (k = 50)",
    "online-self-conditioned": "self-conditioned, online (k = 50)",
    "self-conditioned": "self-conditioned (k = 50)",
    "partition-guided": "partition-guided (k = number of modes; scores of its paper)",
    "conditional-gan": "class-conditional on the true modes (not in the paper's table)",
}
"""Name of a recipe, without the data -> row of table 1."""

PAPER = {
    "ring": {
        "gan": ("6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
        "pac-gan2": ("7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03"),
        "pac-gan3": ("7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02"),
        "pac-gan4": ("7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02"),
        "random-labels-gan": ("7.9 ± 0.1", "96.3 ± 1.1", "0.07 ± 0.02"),
        "mgan": ("8.0 ± 0.0", "71.7 ± 1.3", "0.0073 ± 0.0014"),
        "online-self-conditioned": ("8.0 ± 0.0", "99.7 ± 0.1", "0.0014 ± 0.0001"),
        "self-conditioned": ("8.0 ± 0.0", "99.5 ± 0.3", "0.0014 ± 0.0002"),
        "partition-guided": ("8", "99.8", "0.0006"),
    },
    "grid": {
        "gan": ("17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
        "pac-gan2": ("23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04"),
        "pac-gan3": ("24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02"),
        "pac-gan4": ("24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01"),
        "random-labels-gan": ("16.0 ± 1.0", "90.6 ± 1.6", "0.57 ± 0.07"),
        "mgan": ("25.0 ± 0.0", "40.7 ± 1.2", "0.0473 ± 0.0047"),
        "online-self-conditioned": ("25.0 ± 0.0", "99.7 ± 0.1", "0.0057 ± 0.0004"),
        "self-conditioned": ("25.0 ± 0.0", "99.5 ± 0.1", "0.0063 ± 0.0007"),
        "partition-guided": ("25", "99.8", "0.0034"),
    },
}
"""Table 1: modes, high quality in percent, reverse KL divergence; mean and standard error of ten trials."""

PRESETS: dict[str, dict[str, Any]] = {
    "everymode": {},
    "released": {
        "steps": 100_000,
        "batch_size": 100,
        "refresh_every": 5000,
        "online_after": 25_000,
        "generator_lr": 1e-4,
        "discriminator_lr": 1e-4,
        "beta1": 0.8,
        "beta2": 0.999,
        "lr_decay": 0.0,
        "settling": 0.0,
        "settling_lr": 1.0,
        "ema_decay": 0.0,
        "radius": 2.0,
    },
    "paper": {
        "steps": 400_000,
        "batch_size": 100,
        "refresh_every": 10_000,
        "online_after": 25_000,
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "lr_decay": 0.0,
        "settling": 0.0,
        "settling_lr": 1.0,
        "ema_decay": 0.0,
        "radius": 1.0,
    },
}
TERMS = (
    *("steps", "batch_size", "generator_lr", "discriminator_lr", "beta1", "beta2", "lr_decay"),
    *("settling", "settling_lr", "ema_decay"),
)
"""Hyper-parameters that are the same for all methods."""
SWEPT = (5, 10, 15, 20, 25, 30, 50, 75, 100)
WIDE = {"grid": 0.05, "wide grid": 0.1**0.5}
"""Figure 7's data: variances 0.0025 and 0.1."""


def shared_numbers(preset: str, changed: Mapping[str, Any], on: str) -> dict[str, Any]:
    """Return the hyper-parameters shared by all methods on one dataset.

    They are those of the self-conditioned recipe, overridden by the preset's, and then by those of `changed` that are
    not None.
    """
    recipe = find(f"self-conditioned-{on}")
    own = {name: getattr(recipe, name) for name in (*TERMS, "refresh_every")}
    own |= {"online_after": recipe.refresh_every, "packs": False, "radius": 1.0}
    return own | PRESETS[preset] | {name: value for name, value in changed.items() if value is not None}


def on_terms(recipe: Recipe, numbers: Mapping[str, Any]) -> Recipe:
    """Return a recipe with the shared hyper-parameters.

    A recipe that clusters takes `refresh_every` too, and the online variant `online_after`. For a recipe that packs,
    `packs` selects as many packs as the others have examples, as in PacGAN's code; otherwise packs are cut from the
    batch.
    """
    shared, pack = {name: numbers[name] for name in TERMS}, recipe.flat_numbers()["pack"]
    if pack > 1 and numbers["packs"]:
        shared["packs"] = numbers["batch_size"]
    elif pack > 1:
        shared["batch_size"] -= shared["batch_size"] % pack
    if isinstance(recipe.labels, Clusters):
        # The online variant keeps the first clustering that long, and does not cluster again after the second.
        shared["refresh_every"] = numbers["online_after" if recipe.labels.online else "refresh_every"]
    return recipe.with_numbers(**shared)


def data_of(on: str, radius: float) -> str:
    """Return the name of the data, with the ring's radius."""
    return f"ring:radius={radius:g}" if on == "ring" else on


def table_cases(on: Sequence[str], preset: str, changed: Mapping[str, Any], only: str = "") -> list[Case]:
    """Return table 1's cases: every method on every dataset, or the methods that `only` names ("gan,self-conditioned").

    Raises:
        ValueError: for a method that is not in METHODS.
    """
    methods = [word.strip() for word in only.split(",") if word.strip()] or list(METHODS)
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise ValueError(f"no method is called {', '.join(unknown)}: use some of {', '.join(METHODS)}")
    cases = []
    for name in on:
        numbers = shared_numbers(preset, changed, name)
        for method in methods:
            recipe = on_terms(find(f"{method}-{name}"), numbers)
            cases.append(Case(f"{method}, {name}", recipe, data_of(name, numbers["radius"])))
    return cases


def sweep_cases(preset: str, changed: Mapping[str, Any], swept: Sequence[int] = SWEPT) -> list[Case]:
    """Return figure 6's cases: numbers of clusters, and of MGAN's generators, on the grid."""
    numbers = shared_numbers(preset, changed, "grid")
    return [
        Case(f"{method}, k = {k}", on_terms(with_k(find(f"{method}-grid"), k), numbers), "grid")
        for k in swept
        for method in ("self-conditioned", "mgan")
    ]


def variance_cases(preset: str, changed: Mapping[str, Any]) -> list[Case]:
    """Return figure 7's cases: narrow and wide Gaussians at k = 30."""
    numbers = shared_numbers(preset, changed, "grid")
    cases = []
    for name, std in WIDE.items():
        for method in ("pac-gan2", "mgan", "self-conditioned"):
            recipe = find(f"{method}-grid")
            recipe = recipe if method == "pac-gan2" else with_k(recipe, 30)
            cases.append(Case(f"{method}, {name}", on_terms(recipe, numbers), f"grid:std={std:.6g}"))
    return cases


def with_k(recipe: Recipe, k: int) -> Recipe:
    """Return the recipe with k clusters, or k generators."""
    return recipe.with_numbers(**{"clusters" if isinstance(recipe.labels, Clusters) else "generators": k})
