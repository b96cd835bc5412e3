"""`everymode dissect`: labels that the units of a generator show, as HTML pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from everymode.commands import sample_flags as flags
from everymode.commands.ending import say
from everymode.commands.numbers import whole_number, whole_numbers


def dissect(
    source: flags.Source,
    /,
    *,
    segmenter: Annotated[
        str,
        Parameter(
            help="Segmenter that labels the pixels of generated images: palette (runs on shapes), fitted (a small "
            "network, fitted to the label maps of the training data), a .safetensors file with its weights, or a "
            "trusted .py file with a function segment(images) -> label maps.",
            metavar="palette|fitted|FILE",
        ),
    ],
    out: Annotated[
        Path, Parameter(help="Folder in which the pages are written; an earlier dissection is replaced.")
    ],
    data: Annotated[
        str | None,
        Parameter(
            help="Images with label maps that the segmenter `fitted` is fitted to (default: training data of the run)."
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        Parameter(
            help="Class name or index of all images (default: labels are drawn as by `everymode sample`). If images "
            "have several labels, one of each, such as circle,red,large; an empty one is drawn.",
            negative="",
        ),
    ] = None,
    cluster: flags.Cluster = None,
    conditions: Annotated[
        list[str] | None,
        Parameter(
            help="Classes or clusters, such as a,b,c: one dissection each, and the units that change between them. If "
            "images have several labels, repeat the flag.",
            negative="",
        ),
    ] = None,
    layers: Annotated[
        tuple[int, ...] | None,
        Parameter(
            help="Layers, such as 1,3: 0 is the first layer, i is block i (default: all).",
            converter=whole_numbers,
            metavar="LAYERS",
            n_tokens=1,
            negative="",
        ),
    ] = None,
    num: Annotated[int, Parameter(help="Number of images.", converter=whole_number)] = 1000,
    tail: Annotated[float, Parameter(help="Share of a unit's activations above its level.")] = 0.005,
    iou: Annotated[float, Parameter(help="IoU above which a unit is interpretable.")] = 0.04,
    rule: Annotated[
        Literal["iou", "iqr"],
        Parameter(
            help="iou: one level per unit, by the tail; iqr: a level per label and unit, by the information-quality "
            "ratio."
        ),
    ] = "iou",
    strongest: Annotated[
        int, Parameter(help="Pictures per unit: its strongest images.", converter=whole_number)
    ] = 6,
    seed: Annotated[int, Parameter(help="Seed of the images.", converter=whole_number)] = 0,
    batch_size: flags.BatchSize = 64,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Find out which units of a generator's layers show which label, and write an HTML page per layer.

    The number of interpretable units depends on the tail at least as much as on training, so the numbers at tails from
    0.001 to 0.2 are always printed and plotted.
    """
    from everymode.commands.dissecting import Job, Settings, check_out, requested_conditions
    from everymode.commands.sample import load_generator

    check_out(out)
    generator = load_generator(source, recipe, device)
    requested = requested_conditions(generator, label, cluster, conditions)
    settings = Settings(num, tail, iou, rule, layers, strongest, seed, batch_size)
    job = Job(generator, source, recipe, segmenter, data, settings)
    job.write(out, requested, say)
