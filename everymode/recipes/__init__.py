"""The recipes by name: the one table with strings as keys. Nothing here imports torch."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path

from everymode.recipe import Recipe

_OMNI, _BIGGAN = "everymode.recipes.omni_gan", "everymode.recipes.biggan"
_POINTS = "everymode.recipes.points"

RECIPES: dict[str, tuple[str, str, str]] = {
    # name: (module, constant, one line)
    "omni-gan-digits": (
        _OMNI,
        "DIGITS",
        "Omni-GAN on the bundled handwritten digits: two minutes on a laptop",
    ),
    "omni-gan-cifar10": (_OMNI, "CIFAR10", "Omni-GAN on CIFAR-10, with the released numbers"),
    "omni-gan-cifar100": (_OMNI, "CIFAR100", "Omni-GAN on CIFAR-100, with the released numbers"),
    "one-sided-omni-gan-cifar10": (
        _OMNI,
        "ONE_SIDED_CIFAR10",
        "one-sided Omni-GAN (projection as omni-loss) on CIFAR-10",
    ),
    "omni-gan-imagenet128": (_OMNI, "IMAGENET128", "Omni-GAN on ImageNet at 128 pixels"),
    "omni-gan-imagenet256": (
        _OMNI,
        "IMAGENET256",
        "Omni-GAN on ImageNet at 256 pixels, with the paper's numbers",
    ),
    "omni-gan-32": (_OMNI, "IMAGES32", "Omni-GAN on your own labelled images, 32 pixels"),
    "omni-gan-64": (_OMNI, "IMAGES64", "Omni-GAN on your own labelled images, 64 pixels"),
    "omni-gan-128": (_OMNI, "IMAGES128", "Omni-GAN on your own labelled images, 128 pixels"),
    "gan-ring": (_POINTS, "RING", "an unconditional GAN on eight Gaussians in a ring"),
    "gan-grid": (_POINTS, "GRID", "an unconditional GAN on a grid of 25 Gaussians: it misses modes"),
    "conditional-gan-grid": (_POINTS, "CONDITIONAL_GRID", "a GAN on the grid that is told the mode"),
    "biggan-cifar10": (_BIGGAN, "CIFAR10", "BigGAN (projection, hinge) on CIFAR-10: the baseline"),
}


def find(name: str) -> Recipe:
    """The recipe of that name, or the RECIPE that a Python file defines (`my_recipe.py`).

    Raises ValueError, with the nearest names, if there is none.
    """
    if name.endswith(".py"):
        return from_file(Path(name))
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`everymode recipes` lists them all."
        raise ValueError(f"there is no recipe called {name!r}. {hint}")
    module, constant, _ = RECIPES[name]
    return getattr(importlib.import_module(module), constant)


def from_file(path: Path) -> Recipe:
    """The recipe that a user's file defines as RECIPE. The file is run as Python.

    Raises FileNotFoundError or ValueError if there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}: give a recipe's name or a Python file that defines RECIPE"
        )
    spec = importlib.util.spec_from_file_location(f"user_recipe_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(
            f"{path} must define RECIPE, an everymode Recipe, such as "
            "RECIPE = dataclasses.replace(everymode.recipes.omni_gan.CIFAR10, width=32)"
        )
    return recipe
