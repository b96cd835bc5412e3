"""Conversion from and to the weight formats of other code."""

from everymode.exchange.importing import import_weights
from everymode.exchange.released import load_released, save_released

__all__ = ["import_weights", "load_released", "save_released"]
