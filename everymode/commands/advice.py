"""Recipes that fit the data that `everymode data check` has checked, as commands to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from everymode.augmentation_names import automatic_augmentation
from everymode.recipes import find
from everymode.resolution import Resolution

if TYPE_CHECKING:
    from everymode.data.checking import CheckReport

SIZES = (32, 64, 128)
"""Image sizes of the recipes for custom images, in pixels."""
BUILT_IN = {"digits": "digits", "shapes": "shapes", "two-domain-digits": "two-domains"}
"""Built-in labeled dataset -> ending of the names of its recipes."""

ENOUGH_TO_HOLD_OUT = 500
"""Images from which a tenth is held out: the collapse watch then compares at least 50 held-out images (our choice)."""
HELD_OUT = 0.1
"""Fraction to hold out."""
SMALL = {
    "omni-gan-32": (16, 60),
    "omni-gan-64": (8, 55),
    "multi-hinge-ssl-32": (16, 60),
    "multi-hinge-ssl-64": (8, 55),
    "self-conditioned-32": (32, 20),
    "self-conditioned-64": (16, 40),
}
"""Recipe -> width for a CPU, and minutes of CPU time for SMALL_STEPS steps of SMALL_BATCH images, measured on one core
of an AMD EPYC (torch 2.13, 4 classes, augmented)."""
SMALL_STEPS, SMALL_BATCH = 4000, 32


def advice(
    report: CheckReport,
    source: str,
    *,
    resolution: Resolution | None = None,
    label_column: str | None = None,
    fit: str = "crop",
    value_range: str | None = None,
    layout: str | None = None,
    complete: bool = True,
    gpu: bool = True,
) -> str:
    """Return advice and commands for the terminal.

    Args:
        report: the report of the check.
        source, resolution, label_column, fit, value_range, layout: arguments of the check; the commands repeat them.
        complete: whether all images were checked; otherwise nothing that depends on their number is advised.
        gpu: whether this machine has a GPU; otherwise a small model is advised too.
    """
    size = _size(report, resolution)
    options = f" --data {shlex.quote(source)}"
    options += f" --label-column {shlex.quote(label_column)}" if label_column else ""
    options += f" --value-range {value_range}" if value_range else ""
    options += f" --layout {layout}" if layout else ""
    options += "" if fit == "crop" else f" --fit {fit}"
    lines = []
    if len(report.sizes) > 1 and resolution is None:
        lines.append(
            f"sizes differ: --resolution {size} counts the images that would be enlarged more than twice; `train` "
            "resizes all images to the resolution of its recipe"
        )
    several = "," in (label_column or "")
    reason, names = _recipes(report, source, size, several=several)
    lines.append(f"{reason}, so train with" + (" one of" if len(names) > 1 else "") + ":")
    images = report.num_images - len(report.unreadable)
    if report.is_points or source.split(":")[0] in BUILT_IN or not complete:
        return "\n".join([*lines, *(f"  everymode train {name}{options}" for name in names)])
    holds_out = images >= ENOUGH_TO_HOLD_OUT
    if holds_out:
        options += f" --held-out {HELD_OUT:g}"
        images -= int(HELD_OUT * images + 0.5)
    lines += [
        f"  everymode train {name}{options}{_batch(images, find(name).batch_size, always=False)}"
        for name in names
    ]
    lines += [] if gpu else _small(names[0], options, images)
    if holds_out:
        lines.append(
            f"--held-out {HELD_OUT:g} keeps a tenth of the images out of training: the collapse watch uses them to "
            "detect that the others are memorized"
        )
    if not several:  # the report does not have the number of classes of each label
        lines.append(_augmentation(report, names, images))
    return "\n".join(lines)


def _small(name: str, options: str, images: int) -> list[str]:
    """Return the lines that advise a small model for a CPU, at 64 pixels at most."""
    name = name.replace("-128", "-64")
    width, minutes = SMALL[name]
    return [
        f"there is no GPU here: a small model takes about {minutes} minutes on one CPU core, less on several:",
        f"  everymode train {name}{options} --width {width} --steps {SMALL_STEPS}"
        f"{_batch(images, SMALL_BATCH, always=True)}",
    ]


def _batch(images: int, batch_size: int, *, always: bool) -> str:
    """Return the flag for a batch of at most as many images as there are, rounded down to a power of two.

    Without `always` it is empty if the images are enough.
    """
    if images >= batch_size:
        return f" --batch-size {batch_size}" if always else ""
    return f" --batch-size {1 << (max(images, 1).bit_length() - 1)}"


def _augmentation(report: CheckReport, names: list[str], images: int) -> str:
    """Return the sentence about the automatic augmentation of the advised recipes."""
    counts = [count for count in report.class_counts if count > 0]
    classes = len(counts) if find(names[0]).needs_labels() else 0
    augmentation, reason = automatic_augmentation(images, classes)
    return (
        f"augmentation: {augmentation}, because {reason} (automatic; --augmentation none turns it off)"
        if augmentation != "none"
        else f"augmentation: none, because {reason} (automatic)"
    )


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
