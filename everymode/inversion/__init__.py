"""Inversion: latent codes and classes with which a generator reproduces given images."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everymode.inversion.classes import ClassLogits, UnitRows, class_target, shared_rows
    from everymode.inversion.encoder import Encoded, Encoder
    from everymode.inversion.errors import class_error, cosine_error, encoder_loss, reconstruction_loss
    from everymode.inversion.fitting import fit_encoder
    from everymode.inversion.layers import ForeignGenerator
    from everymode.inversion.optimize import Inversion, invert
    from everymode.inversion.saving import load_encoder, save_encoder

_HOME = {
    "ClassLogits": "classes",
    "Encoded": "encoder",
    "Encoder": "encoder",
    "ForeignGenerator": "layers",
    "Inversion": "optimize",
    "UnitRows": "classes",
    "class_error": "errors",
    "class_target": "classes",
    "cosine_error": "errors",
    "encoder_loss": "errors",
    "fit_encoder": "fitting",
    "invert": "optimize",
    "load_encoder": "saving",
    "reconstruction_loss": "errors",
    "save_encoder": "saving",
    "shared_rows": "classes",
}

__all__ = [
    "ClassLogits",
    "Encoded",
    "Encoder",
    "ForeignGenerator",
    "Inversion",
    "UnitRows",
    "class_error",
    "class_target",
    "cosine_error",
    "encoder_loss",
    "fit_encoder",
    "invert",
    "load_encoder",
    "reconstruction_loss",
    "save_encoder",
    "shared_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
