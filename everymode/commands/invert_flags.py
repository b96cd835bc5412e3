"""Flags of `everymode invert`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from everymode.commands.numbers import whole_number

Data = Annotated[
    str | None,
    Parameter(
        help="Images to reconstruct, in any form that `train` reads (default: training data of the run).",
        metavar="FOLDER",
    ),
]
Num = Annotated[
    int,
    Parameter(help="Number of images, a fixed random sample of the data.", converter=whole_number),
]
Out = Annotated[Path | None, Parameter(help="Folder of the report (default: inversion in the run's folder).")]
Encoder = Annotated[
    Path | None,
    Parameter(
        help="File of the encoder, .safetensors; it is fitted and written if there is none (default: in the run's "
        "folder encoders, by step).",
        metavar="FILE",
    ),
]
EncoderSteps = Annotated[
    int | None,
    Parameter(
        help="Steps of each of the two stages of fitting the encoder (default: 2000, or those of the stored one).",
        converter=whole_number,
    ),
]
Steps = Annotated[
    int,
    Parameter(
        help="Steps of the optimization per image; 0 keeps the encoder's estimate.",
        converter=whole_number,
    ),
]
Method = Annotated[Literal["lbfgs", "adam"], Parameter(help="Optimizer.")]
FeatureWeight = Annotated[
    float, Parameter(help="Weight of the encoder's features in the loss (lambda_f of Eq. 4).")
]
BatchSize = Annotated[int, Parameter(help="Images that adam optimizes at once.", converter=whole_number)]
Seed = Annotated[int, Parameter(help="Seed of the encoder's fit.", converter=whole_number)]
