"""The flag --value-range, of every command that opens images."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

ValueRange = Annotated[
    Literal["0..1", "-1..1", "0..255", "0..65535"] | None,
    Parameter(
        help="Numbers of black and white of images on disk, where neither their values nor their type say them.",
        allow_leading_hyphen=True,
    ),
]
