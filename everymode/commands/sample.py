"""`everymode sample`: pictures, or points, from a trained generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands import sample_flags as flags
from everymode.commands.drawing import AT_ONCE, Drawing, Wanted
from everymode.commands.ending import say
from everymode.commands.own_recipes import require_named_recipe
from everymode.commands.sample_files import write_archive, write_each, write_grid, write_points
from everymode.commands.sample_names import file_words
from everymode.commands.seeds import parse_seeds
from everymode.commands.waiting import with_progress
from everymode.recipes import find
from everymode.resolution import height_and_width, parse_resolution

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

MOST_IN_A_GRID = 10_000
NO_FOLDERS = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".npy", ".zip", ".tar", ".gz", ".pt", ".pth", ".h5", ".hdf5", ".parquet", ".csv"),
)
"""Endings of files: whoever gives --out one of them means something else than a folder."""


def sample(
    source: flags.Source,
    /,
    *,
    label: flags.Label = None,
    cluster: flags.Cluster = None,
    seeds: flags.Seeds = None,
    truncation: flags.Truncation = 1.0,
    size: flags.Size = None,
    reject: flags.Reject = None,
    out: flags.Out = None,
    grid: flags.Grid = None,
    columns: flags.Columns = None,
    batch_size: flags.BatchSize = AT_ONCE,
    device: flags.Device = "cpu",
    recipe: flags.OwnRecipe = None,
) -> None:
    """Draw from a trained generator.

    The image of seed S is the same whichever others are drawn with it: seed0003.png, label-7-seed0003.png. (Up to
    rounding: a rare pixel may be one level of 255 off; not with --batch-size 1.)
    Points are written as a scatter plot and a .npy file.
    """
    if label and cluster:
        raise ValueError("--label and --cluster name the same thing: give one of the two")
    ranges = None if seeds is None else parse_seeds(seeds)
    shape = None if size is None else height_and_width(parse_resolution(size))
    _check_flags(out, grid, columns, batch_size)
    generator = _loaded(source, recipe, device)
    if reject is not None and size is not None:
        raise ValueError("--reject looks at images of the size of training: leave --size out")
    labels = _labels_of(label, cluster, generator)
    drawing = Drawing(
        generator, labels, truncation=truncation, size=shape, retries=reject, batch_size=batch_size
    )
    # The first is drawn before anything is written, to see what it is, and that it can be drawn.
    first = drawing.together([Wanted(labels[0], 0 if ranges is None else ranges[0][0])])
    points = first.samples.ndim == 2
    numbers = ranges or [range(flags.POINTS if points else flags.IMAGES)]
    per_label = sum(map(len, numbers))
    total = len(labels) * per_label
    _check_kind(out, grid, points=points, total=total)
    wanted = (Wanted(each, seed) for each in labels for seed in chain.from_iterable(numbers))
    passes = chain([first], drawing.passes(islice(wanted, 1, None)))
    drawn = with_progress(passes, total, lambda together: len(together.wanted))
    if points:
        write_points(drawn, grid or (out or samples_folder(source)) / "points.png")
    elif grid is not None:
        named = labels != [None]
        rows = [str(each) for each in labels] if named and not columns else []
        write_grid(drawn, grid, columns or (per_label if named else None), rows)
    elif out is not None and _is_archive(out):
        write_archive(drawn, out, total, drawing.labels, _names_of_labels(generator))
    else:
        words = file_words(generator.classes, generator.num_labels)
        write_each(drawn, out or samples_folder(source), words)
    if reject is not None:
        say(drawing.rejection())


def _labels_of(
    label: Sequence[str] | None, cluster: Sequence[int] | None, generator: Generator
) -> list[str | None]:
    """What to draw, one label each; [None] where none is asked for."""
    chosen = label or _cluster_labels(cluster, generator)
    if not isinstance(generator.num_labels, tuple):
        chosen = chosen_labels(chosen, generator.classes)
    return [*chosen] or [None]


def _cluster_labels(cluster: Sequence[int] | None, generator: Generator) -> list[str]:
    if cluster and not generator.num_labels:
        raise ValueError("--cluster is for generators whose labels are clusters: this one has no labels")
    counts = getattr(generator.labels, "counts", None)  # of images in each cluster
    if cluster and (generator.labels.names_classes or counts is None):
        kind = "classes" if generator.labels.names_classes else "generators"
        raise ValueError(
            f"--cluster is for generators whose labels are clusters: this one's are {kind}, so use --label"
        )
    for each in cluster or ():
        if not 0 <= each < len(counts):
            raise ValueError(f"there is no cluster {each}: they are numbered 0 to {len(counts) - 1}")
        if not counts[each]:
            say(
                f"cluster {each} has no image at this checkpoint: what is drawn is what it held before, if anything"
            )
    return [str(each) for each in cluster or ()]


def _names_of_labels(generator: Generator) -> list[tuple[str, ...]]:
    """Class names, of each label block one tuple; [] where labels are no classes, or have no names."""
    sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
    if not generator.classes or sum(sizes) != len(generator.classes):
        return []
    names = iter(generator.classes)
    return [tuple(islice(names, size)) for size in sizes]


def _check_flags(out: Path | None, grid: Path | None, columns: int | None, batch_size: int) -> None:
    if columns is not None and (grid is None or columns < 1):
        raise ValueError("--columns is a whole number from 1 on, and goes with --grid FILE.png")
    if grid is not None and out is not None:
        raise ValueError("--grid writes one file and --out is the folder of many: give one of the two")
    if grid is not None and grid.suffix.lower() != ".png":
        raise ValueError(f"--grid names a .png file, such as grid.png, not {grid}")
    if out is not None and out.suffix.lower() in NO_FOLDERS and not out.is_dir():
        raise ValueError(
            f"--out is a folder for one PNG each, or a .npz file for one array of all, such as samples.npz, not {out}; "
            "for one picture of all, use --grid FILE.png"
        )
    if out is not None and _is_archive(out) and out.is_dir():
        raise ValueError(f"{out} is a folder, not a file to write an array to: choose another place")
    of_out = out.parent if out is not None and _is_archive(out) else out
    for folder in (of_out, None if grid is None else grid.parent):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file, not a folder to write pictures to: choose another place")
    if batch_size < 1:
        raise ValueError(f"--batch-size is how many are drawn in a pass, 1 or more, not {batch_size}")


def _check_kind(out: Path | None, grid: Path | None, *, points: bool, total: int) -> None:
    """What can only be said once the first sample is seen."""
    if points and out is not None and _is_archive(out):
        raise ValueError(
            f"this generator draws points, which are written as points.npy: give --out a folder, not {out}"
        )
    if not points and grid is not None and total > MOST_IN_A_GRID:
        raise ValueError(
            f"--grid lays at most {MOST_IN_A_GRID:,} images out in one picture, not {total:,}: give fewer seeds, or "
            "--out samples.npz for one array of all"
        )


def _is_archive(out: Path) -> bool:
    return out.suffix.lower() == ".npz"


def _loaded(source: Path, recipe: str | None, device: str) -> Generator:
    own = None if recipe is None else find(recipe)
    from everymode.machine.device import find_device
    from everymode.sampling.generator import find_generator, load

    place = find_device(device)
    folder = find_generator(source)
    if own is None:
        require_named_recipe(source, folder)
    return load(folder, recipe=own, device=place)


def chosen_labels(given: Sequence[str], classes: Sequence[str]) -> list[str]:
    """The labels of repeated flags and comma lists. A class whose own name has a comma is taken whole."""
    return [label for text in given for label in ([text] if text in classes else text.split(","))]


def samples_folder(source: Path) -> Path:
    """Where samples go by default: `samples` in the run that `source` is or lies in, else in this folder."""
    for folder in (source, *source.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir():
            return folder / "samples"
    return Path("samples")
