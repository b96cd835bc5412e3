"""Flags of `everymode explore`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from everymode.commands.numbers import whole_number

Runs = Annotated[
    list[Path],
    Parameter(
        name="RUN",
        help="Run folders, checkpoints, saved generators, or a folder of runs. Runs that are still training work.",
    ),
]
Data = Annotated[
    str | None,
    Parameter(
        help="Training data, for real images and for generators that need label maps or pictures.",
        metavar="PATH",
    ),
]
Port = Annotated[int, Parameter(help="Port; 0 = any free one.", converter=whole_number)]
Host = Annotated[
    str,
    Parameter(help="Address to listen at; beyond this machine, the printed address has a token."),
]
AllowHost = Annotated[
    list[str] | None,
    Parameter(
        help="Further host name under which browsers may open the pages, such as that of a proxy; several by repeating "
        "the flag.",
        negative="",
        metavar="NAME",
    ),
]
CustomRecipes = Annotated[
    list[str] | None,
    Parameter(
        help="Python file that defines the RECIPE of a custom run; several by repeating the flag.",
        negative="",
        metavar="FILE",
    ),
]
