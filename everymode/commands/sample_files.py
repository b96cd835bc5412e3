"""What `everymode sample` writes: a PNG each, one picture of all, one array of all, or a plot of points."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands.drawing import Pass, Wanted
from everymode.commands.ending import say
from everymode.storage.whole_files import whole_file

if TYPE_CHECKING:
    from torch import Tensor


def write_each(drawn: Iterable[Pass], folder: Path, classes: Sequence[str]) -> None:
    """One PNG each, and a line each that says where."""
    from tqdm import tqdm

    from everymode.pictures import to_pil

    folder.mkdir(parents=True, exist_ok=True)
    for wanted, images in drawn:
        for each, image in zip(wanted, images, strict=True):
            path = folder / f"{_stem(each, classes)}.png"
            to_pil(image).save(path)
            with tqdm.external_write_mode():  # a bar on the same terminal makes room for the line
                say(str(path))


def write_grid(drawn: Iterable[Pass], path: Path, columns: int | None, rows: Sequence[str]) -> None:
    """All of them in one picture, its rows named, and a line that says where."""
    import torch

    from everymode.pictures import save_grid

    images = torch.cat([images for _, images in drawn])
    say(str(save_grid(images, path, columns=columns, row_names=rows)))


def write_archive(
    drawn: Iterable[Pass], path: Path, total: int, labels_of: Callable[[Sequence[Wanted]], Tensor | None]
) -> None:
    """An .npz with `images`, uint8 [total, C, H, W], and `labels`, int64 [total] (of several labels an image, one array
    each: `labels_0`, `labels_1`, ...), and a line that says where.

    Images are written as they come, so that memory does not grow with them; the file appears when it is whole.
    """
    import zipfile

    import numpy as np

    from everymode.pictures import to_uint8

    path.parent.mkdir(parents=True, exist_ok=True)
    labels: list[np.ndarray] = []
    with whole_file(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            for number, (wanted, images) in enumerate(drawn):
                pixels = to_uint8(images).numpy()
                if number == 0:
                    shape = (total, *pixels.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(pixels.tobytes())
                found = labels_of(wanted)
                labels += [] if found is None else [found.numpy()]
        if labels:
            together = np.concatenate(labels)
            several = together.ndim > 1
            columns = together.T if several else [together]
            for number, column in enumerate(columns):
                with archive.open(f"labels_{number}.npy" if several else "labels.npy", "w") as file:
                    np.lib.format.write_array(file, np.ascontiguousarray(column), allow_pickle=False)
    say(str(path))


def write_points(drawn: Iterable[Pass], path: Path) -> None:
    """A scatter plot, colored by label, and the points [N, 2] as .npy beside it."""
    import numpy as np
    import torch

    from everymode.pictures import save_scatter

    passes = list(drawn)
    wanted = [each for together in passes for each in together.wanted]
    colors = {label: color for color, label in enumerate(dict.fromkeys(each.label for each in wanted))}
    points = torch.cat([together.samples for together in passes])
    labels = torch.tensor([colors[each.label] for each in wanted]) if len(colors) > 1 else None
    say(str(save_scatter(points, path, labels=labels)))
    np.save(path.with_suffix(".npy"), points.numpy())
    say(str(path.with_suffix(".npy")))


def _stem(wanted: Wanted, classes: Sequence[str]) -> str:
    label = wanted.label
    if label is None:
        return f"seed{wanted.seed:04d}"
    if label in classes and not re.fullmatch(r"[\w.-]+", label):  # no file name: its number stands for it
        label = str(classes.index(label))
    label = re.sub(r"[^\w.-]", "-", label)  # commas between the labels of one image
    return f"label-{label}-seed{wanted.seed:04d}"
