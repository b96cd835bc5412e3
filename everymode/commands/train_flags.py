"""Flags of `everymode train` that are the same for every recipe: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Data = Annotated[
    list[str] | None,
    Parameter(
        help="Training data: folder, .zip, .parquet, ..., or name of a built-in dataset. Several --data are "
        "joined, and their classes stay separate.",
        metavar="DATA",
        negative="",
    ),
]
OnNonfinite = Annotated[
    Literal["stop", "rollback"],
    Parameter(
        help="If a loss is not finite: stop, or roll back to the last good checkpoint and halve the discriminator's "
        "learning rate, up to three times."
    ),
]
OnCollapse = Annotated[
    Literal["warn", "stop", "rollback"],
    Parameter(
        help="If the collapse watch raises an alarm: warn, stop, or roll back to the last healthy checkpoint and "
        "apply the recipe's remedy (--remedy-lr, --remedy-weight-decay)."
    ),
]
Font = Annotated[
    Path | None,
    Parameter(help="Font file for the class names in pictures (default: DejaVu Sans).", metavar="FILE"),
]
Track = Annotated[
    Literal["tensorboard", "wandb", "none"] | None,
    Parameter(
        help="Where losses and scores go beside the run folder's log: tensorboard, wandb (Weights & Biases, offline "
        "unless WANDB_MODE is set) or none (default: tensorboard if it is installed)."
    ),
]
Quiet = Annotated[
    bool,
    Parameter(
        help="Print only errors and, after a stop, the command to resume.", negative="", show_default=False
    ),
]
