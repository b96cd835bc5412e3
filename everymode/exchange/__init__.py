"""Conversion from and to the weight formats of other code, and generators as graphs that run without everymode."""

from everymode.exchange.exporting import export
from everymode.exchange.importing import import_weights
from everymode.exchange.onnx_files import export_onnx
from everymode.exchange.programs import export_program
from everymode.exchange.released import load_released, save_released

__all__ = [
    "export",
    "export_onnx",
    "export_program",
    "import_weights",
    "load_released",
    "save_released",
]
