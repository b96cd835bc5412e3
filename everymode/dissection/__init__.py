"""Dissection: which label each unit of a generator shows, and how that depends on the condition."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.dissection.changes import changed_units
    from everymode.dissection.counting import PixelCounts, unit_iou
    from everymode.dissection.dissecting import Dissection, LayerDissection, dissect
    from everymode.dissection.levels import LevelSample, unit_levels
    from everymode.dissection.quality import information_quality, selected_levels

_HOME = {
    "Dissection": "dissecting",
    "LayerDissection": "dissecting",
    "LevelSample": "levels",
    "PixelCounts": "counting",
    "changed_units": "changes",
    "dissect": "dissecting",
    "information_quality": "quality",
    "selected_levels": "quality",
    "unit_iou": "counting",
    "unit_levels": "levels",
}

__all__ = [
    "Dissection",
    "LayerDissection",
    "LevelSample",
    "PixelCounts",
    "changed_units",
    "dissect",
    "information_quality",
    "selected_levels",
    "unit_iou",
    "unit_levels",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
