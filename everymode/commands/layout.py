"""Flag --layout of every command that opens images."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

LayoutFlag = Annotated[
    Literal["NCHW", "NHWC"] | None,
    Parameter(
        help="Layout of arrays of images (.npy, .npz) with four axes (default: by their shape, if it is not ambiguous)."
    ),
]
