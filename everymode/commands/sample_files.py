"""What `everymode sample` writes: a PNG each, one picture of all, one array of all, or a plot of points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands.drawing import Pass, Wanted
from everymode.commands.ending import say
from everymode.commands.sample_names import stem
from everymode.numbers import NotFinite
from everymode.storage.atomic import atomic_file

if TYPE_CHECKING:
    import zipfile

    import numpy as np
    from torch import Tensor


def write_each(drawn: Iterable[Pass], folder: Path, words: Sequence[dict[str, str]]) -> None:
    """One PNG each, and a line each that says where.

    Args:
        words: `file_words` of the generator's classes.

    Raises NotFinite where one can't be drawn; then those that were written before are removed.
    """
    from tqdm import tqdm

    from everymode.pictures import to_pil

    written: list[Path] = []
    try:
        for wanted, images in drawn:
            folder.mkdir(parents=True, exist_ok=True)
            for each, image in zip(wanted, images, strict=True):
                written.append(folder / f"{stem(each, words)}.png")
                to_pil(image).save(written[-1])
                with tqdm.external_write_mode():  # a bar on the same terminal makes room for the line
                    say(str(written[-1]))
    except NotFinite:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def write_grid(drawn: Iterable[Pass], path: Path, columns: int | None, rows: Sequence[str]) -> None:
    """All of them in one picture, its rows named, and a line that says where."""
    import torch

    from everymode.pictures import save_grid

    images = torch.cat([images for _, images in drawn])
    say(str(save_grid(images, path, columns=columns, row_names=rows)))


def write_archive(
    drawn: Iterable[Pass],
    path: Path,
    total: int,
    labels_of: Callable[[Sequence[Wanted]], Tensor | None],
    classes: Sequence[tuple[str, ...]] = (),
) -> None:
    """An .npz with `images`, uint8 [total, C, H, W], and `labels`, int64 [total], which are numbers of the names in
    `classes` (of several labels an image, an array each: `labels_0`, `classes_0`, ...), and a line that says where.

    Images are written as they come, so that memory does not grow with them; the file appears when it is whole.

    Args:
        classes: names of the classes of each label; () where labels are no classes.
    """
    import zipfile

    import numpy as np

    from everymode.pictures import to_uint8

    path.parent.mkdir(parents=True, exist_ok=True)
    labels: list[np.ndarray] = []
    with atomic_file(path) as beside, zipfile.ZipFile(beside, "w") as archive:
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
            for number, column in enumerate(together.T if several else [together]):
                ending = f"_{number}" if several else ""
                _add_array(archive, f"labels{ending}", np.ascontiguousarray(column))
                if classes:
                    _add_array(archive, f"classes{ending}", np.array(classes[number], dtype=np.str_))
    say(str(path))


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    from numpy.lib import format as npy

    with archive.open(f"{name}.npy", "w") as file:
        npy.write_array(file, array, allow_pickle=False)


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
