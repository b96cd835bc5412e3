"""Flag --value-range of every command that opens images."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

ValueRange = Annotated[
    Literal["0..1", "-1..1", "0..255", "0..65535"] | None,
    Parameter(
        help="Values of black and white in images on disk (default: by their data type and values).",
        allow_leading_hyphen=True,
    ),
]
