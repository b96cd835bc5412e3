"""Export of a trained generator to a folder, an ONNX file or a program of torch.export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from everymode.exchange.onnx_files import export_onnx
from everymode.exchange.programs import export_program

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

FORMS = ("folder", "onnx", "torch-export")
"""Forms of an exported generator."""


def export(
    generator: Generator,
    path: str | Path,
    to: Literal["folder", "onnx", "torch-export"] = "folder",
    **options: Any,
) -> Path:
    """Write a generator to a folder to share, an ONNX file, or a program of torch.export.

    Args:
        generator: a trained generator, such as `everymode.load(run)`.
        path: the folder, or the file, such as generator.onnx or generator.pt2.
        to: "folder" (`Generator.save`), "onnx" (`export_onnx`, extra `export`) or "torch-export" (`export_program`).
        options: keyword arguments of the function of this form.

    Returns:
        The path.
    Raises:
        ImportError: if an extra is not installed.
        ValueError: if there is no such form, or the generator can't be exported to it.
        OSError: if the path can't be written.
    """
    if to not in FORMS:
        raise ValueError(f"a generator is exported to {', '.join(FORMS)}, not {to!r}: choose one of these")
    if to == "folder":
        return generator.save(path, **options)
    return (export_onnx if to == "onnx" else export_program)(generator, path, **options)
