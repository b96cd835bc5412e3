"""`everymode partition`: learn a partition of images without labels, and report its quality."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from everymode.commands.ending import Exit, say
from everymode.commands.layout import LayoutFlag
from everymode.commands.numbers import describe, number_flags, whole_number
from everymode.commands.own_recipes import quoted
from everymode.commands.value_range import ValueRange
from everymode.partitioner.settings import DIGITS, IMAGES, PAPER, POINTS, PartitionSettings
from everymode.resolution import parse_resolution

if TYPE_CHECKING:
    import torch

    from everymode.data.dataset import Dataset

_OF_DATA = {"digits": DIGITS, "ring": replace(POINTS, k=8), "grid": POINTS}

_Resolution = Annotated[
    str | None,
    Parameter(
        help="Image size in pixels: one number, or HEIGHTxWIDTH (default: that of the data).", metavar="SIZE"
    ),
]
_Limit = Annotated[
    int | None,
    Parameter(help="Use a random subset of this many images (default: all).", converter=whole_number),
]
_LabelColumn = Annotated[
    str | None,
    Parameter(help="Column with the labels, for tables with several columns; used in the report only."),
]
_Paper = Annotated[
    bool,
    Parameter(
        help="Default to the paper's hyper-parameters for CIFAR-10 (meant for a GPU).",
        negative="",
        show_default=False,
    ),
]


def partition(
    *,
    data: Annotated[str, Parameter(help="Folder, .zip, .parquet, ..., or name of a built-in dataset.")],
    out: Annotated[
        Path,
        Parameter(help="Output folder, for partitioner.safetensors, the report and an image of the parts."),
    ],
    resolution: _Resolution = None,
    limit: _Limit = None,
    label_column: _LabelColumn = None,
    value_range: ValueRange = None,
    layout: LayoutFlag = None,
    paper: _Paper = False,
    seed: Annotated[int, Parameter(help="Seed of every random draw.", converter=whole_number)] = 0,
    device: Annotated[
        str | None, Parameter(help="cpu, cuda or cuda:1 (default: a GPU if there is one).")
    ] = None,
    quiet: Annotated[
        bool,
        Parameter(
            help="Print only errors and, after a stop, how to resume.", negative="", show_default=False
        ),
    ] = False,
    **numbers: Any,
) -> Exit:
    """Partition images without labels into k parts of similar images, for partition-guided recipes.

    A network first learns features from pairs of random views of each image, then assigns images to parts. The
    hyper-parameters below are for photographs; built-in datasets have others. Repeat the command to resume a stopped
    one.
    """
    settings = replace(settings_of(data, paper=paper), **numbers)
    size = None if resolution is None else parse_resolution(resolution)

    from everymode.data.opening import open_images
    from everymode.machine.device import find_device
    from everymode.partitioner.report import read_report, shown_report
    from everymode.partitioner.running import PartitionStopped

    torch_device = find_device(device)
    dataset = open_images(
        data,
        resolution=size,
        limit=limit,
        label_column=label_column,
        value_range=value_range,
        layout=layout,
        progress=not quiet,
    )
    try:
        _learn(dataset, settings, out, torch_device, seed=seed, quiet=quiet)
    except PartitionStopped as stopped:
        say(f"{stopped}; repeat the command to resume")
        return Exit.STOPPED
    if not quiet:
        say(shown_report(read_report(out)))
        say(f"  partitioner     {quoted(out / 'partitioner.safetensors')}")
        say(f"  parts           {quoted(out / 'parts.png')}")
    return Exit.DONE


def _learn(
    dataset: Dataset, settings: PartitionSettings, out: Path, device: torch.device, *, seed: int, quiet: bool
) -> None:
    """Write the partition to `out`.

    Raises:
        PartitionStopped: after a signal.
    """
    from everymode.machine.stopping import stop_on_signals
    from everymode.metrics.clustering import nmi, purity
    from everymode.partitioner.learning import learn_partition

    for note in () if quiet else dataset.notes:
        say(f"note: {note}")
    with stop_on_signals() as request:
        learn_partition(
            dataset,
            settings,
            out,
            device=device,
            seed=seed,
            verbose=not quiet,
            stop=lambda: request.requested,
            scores={"nmi": nmi, "purity": purity},
        )


def settings_of(data: str, *, paper: bool = False) -> PartitionSettings:
    """Return the default hyper-parameters: those of a built-in dataset, else those for photographs."""
    if paper:
        return PAPER
    return _OF_DATA.get(data.split(":")[0], IMAGES)


def partition_command(tokens: Sequence[str]) -> Callable[..., Exit]:
    """Return `partition` with a signature for cyclopts: a flag per hyper-parameter, with the defaults of the data."""
    data = next(
        (after for token, after in zip(tokens, [*tokens[1:], ""], strict=False) if token == "--data"), ""
    )
    data = next((token.removeprefix("--data=") for token in tokens if token.startswith("--data=")), data)
    signature = inspect.signature(partition, eval_str=True)
    options = [option for option in signature.parameters.values() if option.kind is not option.VAR_KEYWORD]
    flags = number_flags(
        settings_of(data, paper="--paper" in tokens), reserved=[option.name for option in options]
    )

    def command(**arguments: Any) -> Exit:
        return partition(**arguments)

    describe(command, [*options, *flags], partition.__doc__ or "")
    return command
