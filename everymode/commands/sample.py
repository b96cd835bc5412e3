"""`everymode sample`: pictures, or points, from a trained generator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from everymode.commands.ending import say
from everymode.commands.numbers import whole_number
from everymode.commands.own_recipes import require_named_recipe
from everymode.recipes import find
from everymode.resolution import height_and_width, parse_resolution

if TYPE_CHECKING:
    from torch import Tensor

    from everymode.generator import Generator

IMAGES = 16
POINTS = 2000


class Wanted(NamedTuple):
    """One sample to draw: its label (None: drawn too) and its seed."""

    label: str | None
    seed: int


@dataclass
class Tally:
    """What rejection came to."""

    images: int = 0
    accepted: int = 0
    draws: int = 0

    def draw(self, generator: Generator, wanted: Wanted, retries: int, truncation: float) -> Tensor:
        """One sample, counted."""
        from everymode.rejection import redraw_rejected

        drawn = redraw_rejected(
            generator, 1, label=wanted.label, seed=wanted.seed, retries=retries, truncation=truncation
        )
        self.images += 1
        self.accepted += int(drawn.accepted.sum())
        self.draws += int(drawn.draws.sum())
        return drawn.images

    def sentence(self) -> str:
        """For people."""
        return f"{self.accepted} of {self.images} are in their part, after {self.draws} draws"


def sample(
    source: Annotated[Path, Parameter(name="RUN", help="Run folder, checkpoint or saved generator.")],
    /,
    *,
    label: Annotated[
        list[str] | None,
        Parameter(
            help="Class name or number; several as a,b,c or by repeating the flag. Where images have several labels, "
            "one of each: circle,red,large; an empty place is drawn.",
            negative="",
        ),
    ] = None,
    cluster: Annotated[
        list[int] | None,
        Parameter(
            help="Number of a cluster, where clusters stand for labels; several by repeating the flag.",
            negative="",
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        Parameter(help=f"As in 0-31 or 1,5,7; left out, 0-{IMAGES - 1} (points: 0-{POINTS - 1})."),
    ] = None,
    truncation: Annotated[
        float, Parameter(help="Factor on the latent code: below 1 trades variety for typicality.")
    ] = 1.0,
    size: Annotated[
        str | None, Parameter(help="HEIGHTxWIDTH, for generators that draw any size.", metavar="SIZE")
    ] = None,
    reject: Annotated[
        int | None,
        Parameter(
            help="Draw again, at most so often, what is not in the part it was asked for (generators on partitions).",
            converter=whole_number,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Folder for one PNG each; left out, the run's `samples`, or ./samples without a run."),
    ] = None,
    grid: Annotated[Path | None, Parameter(help="Write one picture with all of them instead.")] = None,
    columns: Annotated[int | None, Parameter(help="Columns of that picture.")] = None,
    recipe: Annotated[
        str | None, Parameter(help="Python file with the RECIPE that trained it, for recipes of your own.")
    ] = None,
) -> None:
    """Draw from a trained generator.

    The image of seed S is the same whichever others are drawn with it: seed0003.png, label-7-seed0003.png.
    Points are written as a scatter plot and a .npy file.
    """
    if label and cluster:
        raise ValueError("--label and --cluster name the same thing: give one of the two")
    chosen_seeds = None if seeds is None else parse_seeds(seeds)
    shape = None if size is None else height_and_width(parse_resolution(size))
    _check_places(out, grid, columns)
    generator = _loaded(source, recipe)
    if reject is not None and size is not None:
        raise ValueError("--reject looks at images of the size of training: leave --size out")
    tally = Tally()

    def draw(wanted: Wanted) -> Tensor:
        if reject is not None:
            return tally.draw(generator, wanted, reject, truncation)
        return generator.sample(1, label=wanted.label, seed=wanted.seed, truncation=truncation, size=shape)

    chosen = label or _numbers_of(cluster, generator)
    if not isinstance(generator.num_labels, tuple):
        chosen = chosen_labels(chosen, generator.classes)
    labels: list[str | None] = [*chosen] or [None]
    # The first is drawn before anything is written, to see what it is, and that it can be drawn.
    first = draw(Wanted(labels[0], (chosen_seeds or [0])[0]))
    points = first.ndim == 2
    numbers = chosen_seeds or range(POINTS if points else IMAGES)
    wanted = [Wanted(each, seed) for each in labels for seed in numbers]
    drawn = chain([(wanted[0], first)], ((each, draw(each)) for each in wanted[1:]))
    if points:
        write_points(drawn, grid or (out or samples_folder(source)) / "points.png")
    elif grid is not None:
        rows = [] if not chosen or columns else [str(each) for each in labels]
        write_grid(drawn, grid, columns or (len(numbers) if chosen else None), rows)
    else:
        write_each(drawn, out or samples_folder(source), generator.classes)
    if reject is not None:
        say(tally.sentence())


def _numbers_of(cluster: Sequence[int] | None, generator: Generator) -> list[str]:
    if cluster and generator.labels.names_classes:
        raise ValueError(
            "--cluster is for generators whose labels are clusters: this one's are classes, so use --label"
        )
    return [str(each) for each in cluster or ()]


def _check_places(out: Path | None, grid: Path | None, columns: int | None) -> None:
    if columns is not None and (grid is None or columns < 1):
        raise ValueError("--columns is a whole number from 1 on, and goes with --grid FILE.png")
    if grid is not None and out is not None:
        raise ValueError("--grid writes one file and --out is the folder of many: give one of the two")
    if grid is not None and grid.suffix.lower() != ".png":
        raise ValueError(f"--grid names a .png file, such as grid.png, not {grid}")
    for folder in (out, None if grid is None else grid.parent):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file, not a folder to write pictures to: choose another place")


def _loaded(source: Path, recipe: str | None) -> Generator:
    own = None if recipe is None else find(recipe)
    from everymode.generator import find_generator, load

    folder = find_generator(source)
    if own is None:
        require_named_recipe(source, folder)
    return load(folder, recipe=own)


def parse_seeds(text: str) -> list[int]:
    """ "0-3,8" as [0, 1, 2, 3, 8]. Raises ValueError for anything else."""
    seeds: list[int] = []
    for piece in text.split(","):
        first, dash, last = (part.strip() for part in piece.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise ValueError(f'--seeds is a list such as 0-31 or 1,5,7, not "{text}"')
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def chosen_labels(given: Sequence[str], classes: Sequence[str]) -> list[str]:
    """The labels of repeated flags and comma lists. A class whose own name has a comma is taken whole."""
    return [label for text in given for label in ([text] if text in classes else text.split(","))]


def samples_folder(source: Path) -> Path:
    """Where samples go by default: `samples` in the run that `source` is or lies in, else in this folder."""
    for folder in (source, *source.resolve().parents[:2]):
        if (folder / "checkpoints").is_dir():
            return folder / "samples"
    return Path("samples")


def write_each(drawn: Iterable[tuple[Wanted, Tensor]], folder: Path, classes: Sequence[str]) -> None:
    """One PNG each, and a line each that says where."""
    from everymode.pictures import to_pil

    folder.mkdir(parents=True, exist_ok=True)
    for wanted, images in drawn:
        path = folder / f"{_stem(wanted, classes)}.png"
        to_pil(images[0]).save(path)
        say(str(path))


def write_grid(
    drawn: Iterable[tuple[Wanted, Tensor]], path: Path, columns: int | None, rows: Sequence[str]
) -> None:
    """All of them in one picture, its rows named, and a line that says where."""
    import torch

    from everymode.pictures import save_grid

    images = torch.cat([images for _, images in drawn])
    say(str(save_grid(images, path, columns=columns, row_names=rows)))


def write_points(drawn: Iterable[tuple[Wanted, Tensor]], path: Path) -> None:
    """A scatter plot, colored by label, and the points [N, 2] as .npy beside it."""
    import numpy as np
    import torch

    from everymode.pictures import save_scatter

    wanted, points = zip(*drawn, strict=True)
    colors = {label: color for color, label in enumerate(dict.fromkeys(each.label for each in wanted))}
    together = torch.cat(points)
    labels = torch.tensor([colors[each.label] for each in wanted]) if len(colors) > 1 else None
    say(str(save_scatter(together, path, labels=labels)))
    np.save(path.with_suffix(".npy"), together.numpy())
    say(str(path.with_suffix(".npy")))


def _stem(wanted: Wanted, classes: Sequence[str]) -> str:
    label = wanted.label
    if label is None:
        return f"seed{wanted.seed:04d}"
    if label in classes and not re.fullmatch(r"[\w.-]+", label):  # no file name: its number stands for it
        label = str(classes.index(label))
    label = re.sub(r"[^\w.-]", "-", label)  # commas between the labels of one image
    return f"label-{label}-seed{wanted.seed:04d}"
