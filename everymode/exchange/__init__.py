"""Conversion from and to the weight formats of other code."""

from everymode.exchange.released import load_released, save_released

__all__ = ["load_released", "save_released"]
