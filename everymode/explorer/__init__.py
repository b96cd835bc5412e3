"""Web explorer of trained generators: pages for `everymode explore`, served on this machine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.explorer.app import explore

__all__ = ["explore"]


def __getattr__(name: str) -> Any:
    if name == "explore":
        return import_module("everymode.explorer.app").explore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
