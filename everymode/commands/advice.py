"""What to do next with data that `everymode data check` has looked over: the recipe that fits, as a command to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from everymode.resolution import Resolution

if TYPE_CHECKING:
    from everymode.data.checking import CheckReport

SIZES = (32, 64, 128)
"""Of the recipes for images of one's own, in pixels."""
BUILT_IN = {"digits": "digits", "shapes": "shapes", "two-domain-digits": "two-domains"}
"""Labeled data that everymode brings -> how the names of its recipes end."""


def advice(
    report: CheckReport,
    source: str,
    *,
    resolution: Resolution | None = None,
    label_column: str | None = None,
    fit: str = "crop",
    value_range: str | None = None,
) -> str:
    """Sentences and commands for the terminal.

    Args:
        source, resolution, label_column, fit, value_range: as the user gave them.
    """
    size = _size(report, resolution)
    options = f" --data {shlex.quote(source)}"
    options += f" --label-column {shlex.quote(label_column)}" if label_column else ""
    options += f" --value-range {value_range}" if value_range else ""
    options += "" if fit == "crop" else f" --fit {fit}"
    lines = []
    if len(report.sizes) > 1 and resolution is None:
        lines.append(
            f"sizes differ: give --resolution {size} to see how many images would be much enlarged; `train` brings all "
            "to the size of its recipe"
        )
    reason, names = _recipes(report, source, size, several="," in (label_column or ""))
    lines.append(f"{reason}, so train with" + (" one of" if len(names) > 1 else "") + ":")
    lines += [f"  everymode train {name}{options}" for name in names]
    return "\n".join(lines)


def _recipes(report: CheckReport, source: str, size: int, *, several: bool) -> tuple[str, list[str]]:
    """What speaks for which recipes. `several` labels an image are for omni-gan alone."""
    if report.is_points:
        ending = "ring" if source.split(":")[0] == "ring" else "grid"
        return "these are points in the plane", [f"self-conditioned-{ending}", f"gan-{ending}"]
    ending = BUILT_IN.get(source.split(":")[0], str(size))
    classes = sum(count > 0 for count in report.class_counts)
    if classes == 0:
        return "there are no labels", [f"self-conditioned-{size}", f"partition-guided-{size}"]
    if classes == 1:
        return "one class tells nothing apart", [f"self-conditioned-{size}", f"partition-guided-{size}"]
    if 2 * report.num_unlabeled > report.num_images and not several:
        few = f"multi-hinge-ssl-{min(size, 64)}"  # there is none for 128 pixels
        return "a few images have labels", [few, f"omni-gan-{ending}"]
    return "there are labels", [f"omni-gan-{ending}"]


def _size(report: CheckReport, resolution: Resolution | None) -> int:
    """The size among SIZES that is asked for, or that most images have, rounded down; at most 64 unless asked."""
    if resolution is not None:
        side, largest = (resolution if isinstance(resolution, int) else min(resolution)), SIZES[-1]
    else:
        side, largest = (min(report.sizes[0][0]) if report.sizes else SIZES[0]), 64
    return max([each for each in SIZES if each <= min(side, largest)], default=SIZES[0])
