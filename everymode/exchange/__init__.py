"""Other people's weights and formats."""

from everymode.exchange.released import load_released, save_released

__all__ = ["load_released", "save_released"]
