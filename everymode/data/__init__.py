"""Datasets: `open_images` opens a folder, an archive, a table or a built-in dataset; `check` reports on one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.data.checking import CheckReport, check, format_report
    from everymode.data.dataset import Dataset, Unreadable
    from everymode.data.errors import DataError
    from everymode.data.facts import DataFacts
    from everymode.data.hiding import hide_labels
    from everymode.data.joining import union
    from everymode.data.low_resolution import WholePicture, open_sharp, whole_pictures
    from everymode.data.mixtures import Mixture, grid_mixture, ring_mixture, sample_mixture
    from everymode.data.opening import open_images
    from everymode.data.order import DataOrder, MixedOrder
    from everymode.data.paired import Paired
    from everymode.data.paired_folders import pair_folders
    from everymode.data.pairs import open_pairs

__all__ = [
    "CheckReport",
    "DataError",
    "DataFacts",
    "DataOrder",
    "Dataset",
    "MixedOrder",
    "Mixture",
    "Paired",
    "Unreadable",
    "WholePicture",
    "check",
    "format_report",
    "grid_mixture",
    "hide_labels",
    "open_images",
    "open_pairs",
    "open_sharp",
    "pair_folders",
    "ring_mixture",
    "sample_mixture",
    "union",
    "whole_pictures",
]

# Imported on first use, so that DataFacts and DataError are available without importing torch.
_HOME = {
    "CheckReport": "checking",
    "DataError": "errors",
    "DataFacts": "facts",
    "DataOrder": "order",
    "Dataset": "dataset",
    "MixedOrder": "order",
    "Mixture": "mixtures",
    "Paired": "paired",
    "Unreadable": "dataset",
    "WholePicture": "low_resolution",
    "check": "checking",
    "format_report": "checking",
    "grid_mixture": "mixtures",
    "hide_labels": "hiding",
    "open_images": "opening",
    "open_pairs": "pairs",
    "open_sharp": "low_resolution",
    "pair_folders": "paired_folders",
    "ring_mixture": "mixtures",
    "sample_mixture": "mixtures",
    "union": "joining",
    "whole_pictures": "low_resolution",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
