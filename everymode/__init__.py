"""everymode: GANs that leave no mode out, with labels, with few, or with none.

Names are imported at their first use, so that `import everymode` and the help of the command line are fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everymode import old_names
from everymode.version import __version__

if TYPE_CHECKING:
    from everymode.data.opening import open_images
    from everymode.data.pairs import open_pairs
    from everymode.explorer.app import explore
    from everymode.pictures import save_grid
    from everymode.runs.run import Run, train
    from everymode.sampling.generator import Generator, load

__all__ = [
    "Generator",
    "Run",
    "__version__",
    "explore",
    "load",
    "open_images",
    "open_pairs",
    "save_grid",
    "train",
]

_HOME = {
    "Generator": "everymode.sampling.generator",
    "Run": "everymode.runs.run",
    "explore": "everymode.explorer.app",
    "load": "everymode.sampling.generator",
    "open_images": "everymode.data.opening",
    "open_pairs": "everymode.data.pairs",
    "save_grid": "everymode.pictures",
    "train": "everymode.runs.run",
}
_BY_NAME = (
    *("augment", "data", "evaluation", "exchange", "extractors", "kmeans", "labels", "losses", "metrics"),
    *("networks", "norms", "partitioner", "recipes", "sampling"),
)
"""Modules that are available after `import everymode`."""

old_names.install()


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _BY_NAME:
        return import_module(f"everymode.{name}")
    return old_names.found(__name__, name)


def __dir__() -> list[str]:
    return sorted((*__all__, *_BY_NAME))
