"""Recipes that fit the data that `everymode data check` has checked, as commands to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from everymode.resolution import Resolution

if TYPE_CHECKING:
    from everymode.data.checking import CheckReport

SIZES = (32, 64, 128)
"""Image sizes of the recipes for custom images, in pixels."""
BUILT_IN = {"digits": "digits", "shapes": "shapes", "two-domain-digits": "two-domains"}
"""Built-in labeled dataset -> ending of the names of its recipes."""


def advice(
    report: CheckReport,
    source: str,
    *,
    resolution: Resolution | None = None,
    label_column: str | None = None,
    fit: str = "crop",
    value_range: str | None = None,
) -> str:
    """Return advice and commands for the terminal.

    Args:
        report: the report of the check.
        source, resolution, label_column, fit, value_range: the arguments of the check; the commands repeat them.
    """
    size = _size(report, resolution)
    options = f" --data {shlex.quote(source)}"
    options += f" --label-column {shlex.quote(label_column)}" if label_column else ""
    options += f" --value-range {value_range}" if value_range else ""
    options += "" if fit == "crop" else f" --fit {fit}"
    lines = []
    if len(report.sizes) > 1 and resolution is None:
        lines.append(
            f"sizes differ: --resolution {size} counts the images that would be enlarged more than twice; `train` "
            "resizes all images to the resolution of its recipe"
        )
    reason, names = _recipes(report, source, size, several="," in (label_column or ""))
    lines.append(f"{reason}, so train with" + (" one of" if len(names) > 1 else "") + ":")
    lines += [f"  everymode train {name}{options}" for name in names]
    return "\n".join(lines)


def _recipes(report: CheckReport, source: str, size: int, *, several: bool) -> tuple[str, list[str]]:
    """Return a reason and names of recipes. `several`: images have several labels, which only omni-gan takes."""
    if report.is_points:
        ending = "ring" if source.split(":")[0] == "ring" else "grid"
        return "these are points in the plane", [f"self-conditioned-{ending}", f"gan-{ending}"]
    ending = BUILT_IN.get(source.split(":")[0], str(size))
    classes = sum(count > 0 for count in report.class_counts)
    if classes == 0:
        return "there are no labels", [f"self-conditioned-{size}", f"partition-guided-{size}"]
    if classes == 1:
        return "there is only one class", [f"self-conditioned-{size}", f"partition-guided-{size}"]
    if 2 * report.num_unlabeled > report.num_images and not several:
        few = f"multi-hinge-ssl-{min(size, 64)}"  # there is none for 128 pixels
        return "a few images have labels", [few, f"omni-gan-{ending}"]
    return "there are labels", [f"omni-gan-{ending}"]


def _size(report: CheckReport, resolution: Resolution | None) -> int:
    """Return the requested resolution, or the most frequent one (at most 64), rounded down to one of SIZES."""
    if resolution is not None:
        side, largest = (resolution if isinstance(resolution, int) else min(resolution)), SIZES[-1]
    else:
        side, largest = (min(report.sizes[0][0]) if report.sizes else SIZES[0]), 64
    return max([each for each in SIZES if each <= min(side, largest)], default=SIZES[0])
