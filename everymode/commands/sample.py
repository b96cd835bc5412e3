"""`everymode sample`: images, or points, from a trained generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands import sample_flags as flags
from everymode.commands.drawing import AT_ONCE, Drawing, Wanted
from everymode.commands.ending import say
from everymode.commands.interpolation import Walk
from everymode.commands.own_recipes import require_named_recipe
from everymode.commands.sample_files import write_archive, write_each, write_grid, write_points
from everymode.commands.sample_names import class_numbers, file_words
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
"""Endings that --out rejects, because they are names of files rather than folders."""


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
    interpolate: flags.Interpolate = None,
    frames: flags.Frames = None,
    font: flags.Font = None,
    batch_size: flags.BatchSize = AT_ONCE,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Draw samples from a trained generator.

    Files are named by label and seed: seed0003.png, label-7-seed0003.png. The image of a seed and label does not depend
    on the other samples (up to rounding: a rare pixel may differ by one of 255 levels; with --batch-size 1, none).
    Points are written as a scatter plot and a .npy file. --interpolate writes an animation.
    """
    ranges = None if seeds is None else parse_seeds(seeds)
    shape = None if size is None else height_and_width(parse_resolution(size))
    walk = Walk(interpolate, frames, ranges, truncation, shape, batch_size)
    walk.check(out, grid=grid, reject=reject)
    _check_flags(None if interpolate else out, grid, columns, font, batch_size)
    generator = load_generator(source, recipe, device)
    generator.require_labels_only()
    if reject is not None and size is not None:
        raise ValueError("--reject needs images of the training resolution: leave --size out")
    labels = labels_of(label, cluster, generator)
    if interpolate is not None:
        walk.write(generator, labels, out or samples_folder(source) / "interpolation.gif")
        return
    drawing = Drawing(
        generator, labels, truncation=truncation, size=shape, retries=reject, batch_size=batch_size
    )
    # The first sample is drawn before anything is written: it shows whether samples are images or points, and finite.
    first = drawing.together([Wanted(labels[0], 0 if ranges is None else ranges[0][0])])
    points = first.samples.ndim == 2
    seed_ranges = ranges or [range(flags.POINTS if points else flags.IMAGES)]
    per_label = sum(map(len, seed_ranges))
    total = len(labels) * per_label
    _check_kind(out, grid, points=points, total=total)
    wanted = (Wanted(each, seed) for each in labels for seed in chain.from_iterable(seed_ranges))
    passes = chain([first], drawing.passes(islice(wanted, 1, None)))
    drawn = with_progress(passes, total, lambda together: len(together.wanted))
    if points:
        write_points(drawn, grid or (out or samples_folder(source)) / "points.png")
    elif grid is not None:
        named = labels != [None]
        rows = [str(each) for each in labels] if named and not columns else []
        numbers = class_numbers(rows, _names_of_labels(generator))
        write_grid(drawn, grid, columns or (per_label if named else None), rows, numbers, font)
    elif out is not None and _is_archive(out):
        write_archive(drawn, out, total, drawing.labels, _names_of_labels(generator))
    else:
        words = file_words(generator.classes, generator.num_labels)
        write_each(drawn, out or samples_folder(source), words)
    if reject is not None:
        say(drawing.rejection())


def labels_of(
    label: Sequence[str] | None, cluster: Sequence[int] | None, generator: Generator
) -> list[str | None]:
    """Return the labels to draw; [None] if none is set."""
    if label and cluster:
        raise ValueError("--label and --cluster exclude each other: set one of the two")
    requested = label or _cluster_labels(cluster or (), generator)
    if not isinstance(generator.num_labels, tuple):
        requested = chosen_labels(requested, generator.classes)
    return [*requested] or [None]


def _cluster_labels(clusters: Sequence[int], generator: Generator) -> list[str]:
    """Return the labels of clusters, after a check that the generator has these clusters."""
    if not clusters:
        return []
    if not generator.num_labels:
        raise ValueError("--cluster is for generators whose labels are clusters: this one has no labels")
    images_per_cluster = getattr(generator.labels, "counts", None)
    if generator.labels.names_classes or images_per_cluster is None:
        kind = "classes" if generator.labels.names_classes else "generators"
        raise ValueError(
            f"--cluster is for generators whose labels are clusters: this one's are {kind}, so use --label"
        )
    for cluster in clusters:
        if not 0 <= cluster < len(images_per_cluster):
            raise ValueError(
                f"there is no cluster {cluster}: clusters are numbered 0 to {len(images_per_cluster) - 1}"
            )
        if not images_per_cluster[cluster]:
            say(
                f"cluster {cluster} has no images at this checkpoint: samples show what it last had, if anything"
            )
    return [str(cluster) for cluster in clusters]


def _names_of_labels(generator: Generator) -> list[tuple[str, ...]]:
    """Return the class names of each label block; [] if labels are not classes, or classes have no names."""
    sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
    if not generator.classes or sum(sizes) != len(generator.classes):
        return []
    names = iter(generator.classes)
    return [tuple(islice(names, size)) for size in sizes]


def _check_flags(
    out: Path | None, grid: Path | None, columns: int | None, font: Path | None, batch_size: int
) -> None:
    if font is not None:
        if grid is None:
            raise ValueError("--font is for the names in the image of --grid FILE.png: set that flag, too")
        from everymode.pictures import require_font

        require_font(font)
    if columns is not None and (grid is None or columns < 1):
        raise ValueError("--columns is a whole number, 1 or more, and needs --grid FILE.png")
    if grid is not None and out is not None:
        raise ValueError(
            "--grid (one image) and --out (a folder of images) exclude each other: set one of the two"
        )
    if grid is not None and grid.suffix.lower() != ".png":
        raise ValueError(f"--grid names a .png file, such as grid.png, not {grid}")
    if out is not None and out.suffix.lower() in NO_FOLDERS and not out.is_dir():
        raise ValueError(
            f"--out is a folder for one PNG per sample, or a .npz file for one array, such as samples.npz, not {out}; "
            "for one image of all samples, use --grid FILE.png"
        )
    if out is not None and _is_archive(out) and out.is_dir():
        raise ValueError(f"{out} is a folder, not a file to write an array to: choose another --out")
    out_folder = out.parent if out is not None and _is_archive(out) else out
    for flag, folder in (("--out", out_folder), ("--grid", None if grid is None else grid.parent)):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file, not a folder to write images to: choose another {flag}")
    if batch_size < 1:
        raise ValueError(f"--batch-size is the number of samples per pass, 1 or more, not {batch_size}")


def _check_kind(out: Path | None, grid: Path | None, *, points: bool, total: int) -> None:
    """Check the flags that depend on whether samples are images or points."""
    if points and out is not None and _is_archive(out):
        raise ValueError(
            f"this generator draws points, which are written as points.npy: set --out to a folder, not {out}"
        )
    if not points and grid is not None and total > MOST_IN_A_GRID:
        raise ValueError(
            f"--grid writes at most {MOST_IN_A_GRID:,} samples into one image, not {total:,}: use fewer seeds, or "
            "--out samples.npz for one array"
        )


def _is_archive(out: Path) -> bool:
    return out.suffix.lower() == ".npz"


def load_generator(source: Path, recipe: str | None, device: str) -> Generator:
    """Load a generator; a custom recipe must be named.

    Args:
        source: run folder, checkpoint, saved generator, or address on the hub.
        recipe: Python file that defines a custom recipe.
        device: as for `find_device`.
    """
    custom_recipe = None if recipe is None else find(recipe)
    from everymode.machine.device import find_device
    from everymode.sampling.generator import find_generator, load
    from everymode.sharing.hub import download, is_address

    torch_device = find_device(device)
    folder = find_generator(download(str(source)).folder if is_address(str(source)) else source)
    if custom_recipe is None:
        require_named_recipe(source, folder)
    return load(folder, recipe=custom_recipe, device=torch_device)


def chosen_labels(values: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return the labels in repeated flags and comma-separated lists. A class name may contain a comma."""
    return [label for text in values for label in ([text] if text in classes else text.split(","))]


def samples_folder(source: Path) -> Path:
    """Return the default folder: `samples` in the run that `source` is or is in, else in the current folder."""
    for folder in (source, *source.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir():
            return folder / "samples"
    return Path("samples")
