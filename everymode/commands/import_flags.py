"""Flags of `everymode import`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Release = Annotated[
    str,
    Parameter(
        help="Project whose names the file has: biggan-pytorch or studiogan; or a JSON file that maps each name in the "
        "file to everymode's, or to null if the tensor has no effect.",
        metavar="RELEASE",
    ),
]
File = Annotated[
    Path, Parameter(help="State dict of the generator: a .pth file, or .safetensors.", metavar="FILE")
]
Out = Annotated[Path, Parameter(help="Folder of the imported generator.", metavar="FOLDER")]
License = Annotated[
    str, Parameter(help="License of the weights, such as mit; it is written to the model card.")
]
Source = Annotated[
    str,
    Parameter(help="Address from which the weights came; it is written to the model card.", metavar="URL"),
]
DataName = Annotated[
    str | None,
    Parameter(help="Name of the data that the weights were trained on, for the model card."),
]
NormEpsilon = Annotated[
    float | None,
    Parameter(
        help="Epsilon of the batch normalizations (default: 1e-5 for biggan-pytorch, 1e-4 for studiogan; required with "
        "a JSON file)."
    ),
]
Resolution = Annotated[
    str | None,
    Parameter(
        help="Image size: a number or HEIGHTxWIDTH (default: from the shapes of the weights, for squares).",
        metavar="PIXELS",
    ),
]
StandingStatistics = Annotated[
    bool | None,
    Parameter(
        help="Running statistics are sums over accumulated batches; needed if the file has accumulation counters above "
        "0."
    ),
]
Tables = Annotated[
    bool | None,
    Parameter(
        help="Each normalization has a table per class; needed if the shapes of the weights don't show it."
    ),
]
