"""Dissection: which label each unit of a generator shows, and how that depends on the condition."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.dissection.changes import changed_units
    from everymode.dissection.counting import PixelCounts, unit_iou
    from everymode.dissection.curves import curve_table, plot_curves
    from everymode.dissection.dissecting import Dissection, LayerDissection, dissect
    from everymode.dissection.levels import LevelSample, unit_levels
    from everymode.dissection.pages import layer_page, write_conditions, write_pages
    from everymode.dissection.quality import information_quality, selected_levels
    from everymode.dissection.records import record_of
    from everymode.dissection.strips import strip
    from everymode.dissection.strongest import StrongestImages, StrongestOfLayer, strongest_images

_HOME = {
    "Dissection": "dissecting",
    "LayerDissection": "dissecting",
    "LevelSample": "levels",
    "PixelCounts": "counting",
    "StrongestImages": "strongest",
    "StrongestOfLayer": "strongest",
    "changed_units": "changes",
    "curve_table": "curves",
    "dissect": "dissecting",
    "information_quality": "quality",
    "layer_page": "pages",
    "plot_curves": "curves",
    "record_of": "records",
    "selected_levels": "quality",
    "strip": "strips",
    "strongest_images": "strongest",
    "unit_iou": "counting",
    "unit_levels": "levels",
    "write_conditions": "pages",
    "write_pages": "pages",
}

__all__ = [
    "Dissection",
    "LayerDissection",
    "LevelSample",
    "PixelCounts",
    "StrongestImages",
    "StrongestOfLayer",
    "changed_units",
    "curve_table",
    "dissect",
    "information_quality",
    "layer_page",
    "plot_curves",
    "record_of",
    "selected_levels",
    "strip",
    "strongest_images",
    "unit_iou",
    "unit_levels",
    "write_conditions",
    "write_pages",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
