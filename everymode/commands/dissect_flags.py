"""Flags of `everymode dissect`: types and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from everymode.commands.numbers import whole_number, whole_numbers

Segmenter = Annotated[
    str,
    Parameter(
        help="Segmenter that labels the pixels of generated images: palette (runs on shapes), fitted (a small "
        "network, fitted to the label maps of the training data), a .safetensors file with its weights, or a "
        "trusted .py file with a function segment(images) -> label maps.",
        metavar="palette|fitted|FILE",
    ),
]
Out = Annotated[
    Path, Parameter(help="Folder in which the pages are written; an earlier dissection is replaced.")
]
Data = Annotated[
    str | None,
    Parameter(
        help="Images with label maps that the segmenter `fitted` is fitted to (default: training data of the run)."
    ),
]
Label = Annotated[
    list[str] | None,
    Parameter(
        help="Class name or index of all images (default: labels are drawn as by `everymode sample`). If images "
        "have several labels, one of each, such as circle,red,large; an empty one is drawn.",
        negative="",
    ),
]
Conditions = Annotated[
    list[str] | None,
    Parameter(
        help="Classes or clusters, such as a,b,c: one dissection each, and the units that change between them. If "
        "images have several labels, repeat the flag.",
        negative="",
    ),
]
Layers = Annotated[
    tuple[int, ...] | None,
    Parameter(
        help="Layers, such as 1,3: 0 is the first layer, i is block i (default: all).",
        converter=whole_numbers,
        metavar="LAYERS",
        n_tokens=1,
        negative="",
    ),
]
Num = Annotated[int, Parameter(help="Number of images.", converter=whole_number)]
Tail = Annotated[float, Parameter(help="Share of a unit's activations above its level.")]
Iou = Annotated[float, Parameter(help="IoU above which a unit is interpretable.")]
Rule = Annotated[
    Literal["iou", "iqr"],
    Parameter(
        help="iou: one level per unit, by the tail; iqr: a level per label and unit, by the information-quality "
        "ratio."
    ),
]
Strongest = Annotated[int, Parameter(help="Pictures per unit: its strongest images.", converter=whole_number)]
Seed = Annotated[int, Parameter(help="Seed of the images.", converter=whole_number)]
