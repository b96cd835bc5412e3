"""Flags of `everymode sample`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from everymode.commands.numbers import each_whole_number, whole_number

IMAGES = 16
"""Default number of images."""
POINTS = 2000
"""Default number of points."""

Source = Annotated[
    Path, Parameter(name="RUN", help="Run folder, checkpoint, saved generator, or hub:owner/name@revision.")
]
Label = Annotated[
    list[str] | None,
    Parameter(
        help="Class name or index; several as a,b,c or by repeating the flag (default: drawn at random). If images "
        "have several labels, one of each, such as circle,red,large; an empty one (circle,,large) is drawn at random.",
        negative="",
    ),
]
Cluster = Annotated[
    list[int] | None,
    Parameter(
        help="Index of a cluster, if clusters are the labels; several by repeating the flag.",
        negative="",
        converter=each_whole_number,
    ),
]
Seeds = Annotated[
    str | None,
    Parameter(
        help="Seeds, such as 0-31 or 1,5,7; each label is drawn with each seed (default: "
        f"0-{IMAGES - 1}; points: 0-{POINTS - 1})."
    ),
]
Truncation = Annotated[
    float, Parameter(help="Factor on the latent code z; below 1 trades variety for typicality.")
]
Size = Annotated[
    str | None,
    Parameter(
        help="Image size, HEIGHTxWIDTH, for generators that draw any size (default: the training resolution).",
        metavar="SIZE",
    ),
]
Reject = Annotated[
    int | None,
    Parameter(
        help="Maximum number of redraws per sample that the partitioner puts in the wrong part (partition-guided "
        "generators only; default: no redraws).",
        converter=whole_number,
    ),
]
Out = Annotated[
    Path | None,
    Parameter(
        help="Folder for one PNG per sample (default: the run's folder `samples`, or ./samples without a run); or "
        "FILE.npz, for one array of all samples; or FILE.gif, with --interpolate."
    ),
]
Grid = Annotated[
    Path | None, Parameter(help="PNG file: write one image with all samples, instead of one per sample.")
]
Columns = Annotated[
    int | None,
    Parameter(
        help="Columns of the --grid image (default: one row per label; without labels, about as many as rows).",
        converter=whole_number,
    ),
]
Interpolate = Annotated[
    int | None,
    Parameter(
        help="Write an animation of a closed walk between this many latent codes, as --out FILE.gif (or .mp4, if "
        "ffmpeg is installed). Several labels take turns.",
        converter=whole_number,
    ),
]
Frames = Annotated[
    int | None,
    Parameter(
        help="Frames of the --interpolate animation from each code to the next (default: 16).",
        converter=whole_number,
    ),
]
Font = Annotated[
    Path | None,
    Parameter(
        help="Font file for the class names in the --grid image (default: DejaVu Sans).", metavar="FILE"
    ),
]
BatchSize = Annotated[
    int,
    Parameter(
        help="Samples per pass; 1 is slower, but no image depends on the others, not even by rounding.",
        converter=whole_number,
    ),
]
Device = Annotated[str, Parameter(help="cpu, cuda or cuda:1.")]
CustomRecipe = Annotated[
    str | None, Parameter(help="Python file that defines the run's RECIPE (custom recipes only).")
]
