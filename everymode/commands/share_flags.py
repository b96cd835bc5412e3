"""Flags of `everymode export` and `everymode push`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Form = Annotated[
    Literal["folder", "onnx", "torch-export"],
    Parameter(
        name="--to",
        help="Form: a folder that everymode loads, an ONNX file (extra export), or a program of torch.export.",
    ),
]
Out = Annotated[Path, Parameter(help="Folder to write; for --to onnx and torch-export, the file to write.")]
Repository = Annotated[
    str, Parameter(name="REPOSITORY", help="Repository on the hub, owner/name; it is created if necessary.")
]
DataName = Annotated[
    str | None,
    Parameter(help="Name of the training data in your words, for the model card."),
]
License = Annotated[
    str | None,
    Parameter(name="--license", help="License of the weights, such as cc-by-4.0, for the model card."),
]
Samples = Annotated[
    Path | None,
    Parameter(
        help="Picture for samples.png, without its metadata (default: samples are drawn, one row per label)."
    ),
]
Public = Annotated[
    bool, Parameter(help="Make a new repository public, or accept an existing public one.", negative="")
]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], help="Upload without asking.", negative="")]
