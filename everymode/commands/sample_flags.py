"""The flags of `everymode sample`: their types, and what their help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from everymode.commands.numbers import each_whole_number, whole_number

IMAGES = 16
POINTS = 2000

Source = Annotated[Path, Parameter(name="RUN", help="Run folder, checkpoint or saved generator.")]
Label = Annotated[
    list[str] | None,
    Parameter(
        help="Class name or number; several as a,b,c or by repeating the flag. Where images have several labels, "
        "one of each: circle,red,large; an empty place is drawn.",
        negative="",
    ),
]
Cluster = Annotated[
    list[int] | None,
    Parameter(
        help="Number of a cluster, where clusters stand for labels; several by repeating the flag.",
        negative="",
        converter=each_whole_number,
    ),
]
Seeds = Annotated[
    str | None,
    Parameter(help=f"As in 0-31 or 1,5,7; left out, 0-{IMAGES - 1} (points: 0-{POINTS - 1})."),
]
Truncation = Annotated[
    float, Parameter(help="Factor on the latent code: below 1 trades variety for typicality.")
]
Size = Annotated[
    str | None, Parameter(help="HEIGHTxWIDTH, for generators that draw any size.", metavar="SIZE")
]
Reject = Annotated[
    int | None,
    Parameter(
        help="Draw again, at most so often, what is not in the part it was asked for (generators on partitions).",
        converter=whole_number,
    ),
]
Out = Annotated[
    Path | None,
    Parameter(
        help="Folder for one PNG each; left out, the run's `samples`, or ./samples without a run. FILE.npz: one "
        "array with all of them."
    ),
]
Grid = Annotated[Path | None, Parameter(help="Write one picture with all of them instead.")]
Columns = Annotated[int | None, Parameter(help="Columns of that picture.", converter=whole_number)]
BatchSize = Annotated[
    int, Parameter(help="Drawn in one pass; 1: one by one, slowly.", converter=whole_number)
]
Device = Annotated[str, Parameter(help="cpu, cuda or cuda:1.")]
OwnRecipe = Annotated[
    str | None, Parameter(help="Python file with the RECIPE that trained it, for recipes of your own.")
]
