"""`everymode data`: check of a dataset before training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from everymode.commands.advice import advice
from everymode.commands.ending import Exit, fail, say
from everymode.commands.layout import LayoutFlag
from everymode.commands.numbers import whole_number
from everymode.commands.value_range import ValueRange
from everymode.resolution import parse_resolution


def check_data(
    source: Annotated[
        str, Parameter(name="PATH", help="Folder, .zip, .parquet, ..., or name of a built-in dataset.")
    ],
    /,
    *,
    resolution: Annotated[
        str | None,
        Parameter(help="Count the images that this size would enlarge more than twice.", metavar="SIZE"),
    ] = None,
    fit: Annotated[
        Literal["crop", "pad", "stretch"], Parameter(help="How to fit images of another aspect ratio.")
    ] = "crop",
    label_column: Annotated[
        str | None,
        Parameter(
            help="Column with the labels, for tables with several columns; a,b,c: several labels per image."
        ),
    ] = None,
    value_range: ValueRange = None,
    layout: LayoutFlag = None,
    limit: Annotated[
        int | None,
        Parameter(help="Check a random subset of this many images (default: all).", converter=whole_number),
    ] = None,
) -> Exit:
    """Report sizes, classes, damaged images and duplicates of a dataset, and the recipes that fit it.

    Decodes every image once. The exit code is 3 if no image can be read, or more than 1 % can't (training would reject
    the dataset).
    """
    size = None if resolution is None else parse_resolution(resolution)
    settings: dict[str, Any] = {
        "fit": fit,
        "label_column": label_column,
        "value_range": value_range,
        "layout": layout,
    }
    import torch

    from everymode.data import check, format_report
    from everymode.data.prepare import MOST_UNREADABLE
    from everymode.data.words import counted

    try:
        report = check(source, resolution=size, limit=limit, **settings)
    except FileNotFoundError as error:
        return fail(error, Exit.DATA)
    say(format_report(report))
    unreadable, count = len(report.unreadable), counted(report.num_images, "image")
    if unreadable == report.num_images:
        return fail(f"{report.name} has {count}, and none that can be read", Exit.DATA)
    if unreadable > MOST_UNREADABLE * report.num_images:
        return fail(
            f"{report.name}: {unreadable:,} of {report.num_images:,} images can't be read, and training skips at "
            f"most {100 * MOST_UNREADABLE:g} %: repair or remove them",
            Exit.DATA,
        )
    complete = limit is None or report.num_images < limit
    gpu = torch.cuda.is_available()
    say(f"\n{advice(report, source, resolution=size, complete=complete, gpu=gpu, **settings)}")
    return Exit.DONE
