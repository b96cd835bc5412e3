"""Files that `everymode sample` writes: a PNG per sample, one image or array of all samples, or a plot of points."""

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
    """Write one PNG per sample, and print its path.

    Args:
        drawn: the samples.
        folder: the folder to write to, created if needed.
        words: `file_words` of the generator's classes.

    Raises:
        NotFinite: if a sample is not finite; the PNGs that were written before are deleted.
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
                with tqdm.external_write_mode():  # hides a progress bar on the same terminal while printing
                    say(str(written[-1]))
    except NotFinite:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def write_grid(
    drawn: Iterable[Pass],
    path: Path,
    columns: int | None,
    rows: Sequence[str] = (),
    numbers: Sequence[str] = (),
    font: Path | None = None,
) -> None:
    """Write all samples into one image with labeled rows, and print its path.

    Args:
        drawn: the samples.
        path: the file.
        columns: images per row; None means about as many as rows.
        rows: names of the rows.
        numbers: class number of each row, which is drawn if the font lacks letters of the name.
        font: font file of the names; None means DejaVu Sans.
    """
    import torch

    from everymode.pictures import legible, save_grid

    images = torch.cat([images for _, images in drawn])
    texts, message = legible(rows, numbers, font=font) if rows else ([], "")
    say(str(save_grid(images, path, columns=columns, row_names=texts, font=font)))
    if message:
        say(message)


def write_archive(
    drawn: Iterable[Pass],
    path: Path,
    total: int,
    labels_of: Callable[[Sequence[Wanted]], Tensor | None],
    classes: Sequence[tuple[str, ...]] = (),
) -> None:
    """Write an .npz file atomically, and print its path.

    The file has `images`, uint8 [total, C, H, W], `labels`, int64 [total], and `classes`, the class names that the
    labels index; with several labels per image, `labels_0`, `classes_0`, `labels_1`, ... Images are written pass by
    pass, so memory does not grow with their number.

    Args:
        drawn: the samples.
        path: the file; its folder is created if needed.
        total: number of samples.
        labels_of: function that returns the labels of samples.
        classes: class names of each label block; () if labels are not classes.
    """
    import zipfile

    import numpy as np

    from everymode.pictures import to_uint8

    path.parent.mkdir(parents=True, exist_ok=True)
    labels: list[np.ndarray] = []
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            for index, (wanted, images) in enumerate(drawn):
                pixels = to_uint8(images).numpy()
                if index == 0:
                    shape = (total, *pixels.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(pixels.tobytes())
                pass_labels = labels_of(wanted)
                labels += [] if pass_labels is None else [pass_labels.numpy()]
        if labels:
            all_labels = np.concatenate(labels)
            several = all_labels.ndim > 1
            for block, column in enumerate(all_labels.T if several else [all_labels]):
                ending = f"_{block}" if several else ""
                _add_array(archive, f"labels{ending}", np.ascontiguousarray(column))
                if classes:
                    _add_array(archive, f"classes{ending}", np.array(classes[block], dtype=np.str_))
    say(str(path))


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    from numpy.lib import format as npy

    with archive.open(f"{name}.npy", "w") as file:
        npy.write_array(file, array, allow_pickle=False)


def write_points(drawn: Iterable[Pass], path: Path) -> None:
    """Write a scatter plot, colored by label, and the points [N, 2] as a .npy file of the same name."""
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
