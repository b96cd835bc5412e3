"""A few photographs that scikit-image and scikit-learn ship in their wheels, to try and test super-resolution with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from everymode.data.dataset import Dataset
from everymode.data.decode import Decoding, decoded
from everymode.data.errors import MissingDataError
from everymode.data.picture_files import opened_picture
from everymode.data.synthetic import in_memory
from everymode.data.words import did_you_mean

__all__ = ["SPLITS", "SamplePhoto", "sample_photo_files", "sample_photos"]

_SKIMAGE, _SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")
SPLITS: dict[str, tuple[tuple[tuple[str, str], str], ...]] = {
    "train": (
        *((_SKIMAGE, name) for name in ("astronaut.png", "motorcycle_left.png", "rocket.jpg", "brick.png")),
        *((_SKIMAGE, name) for name in ("grass.png", "gravel.png", "ihc.png")),
        (_SKLEARN, "china.jpg"),
    ),
    "test": ((_SKIMAGE, "chelsea.png"), (_SKIMAGE, "coffee.png"), (_SKLEARN, "flower.jpg")),
}
"""Split -> package, folder in it, and file name of each picture."""
DEFAULT_SIZE = (128, 128)


class SamplePhoto(NamedTuple):
    """Name of a picture, and the file that holds it."""

    name: str
    path: Path


def sample_photo_files(split: str = "train") -> list[SamplePhoto]:
    """Return the files of the pictures of a split; nothing is downloaded, and no package is imported.

    Args:
        split: "train" (eight pictures), "test" (three) or "all".

    Raises:
        ValueError: if the split is unknown.
        DataError: if scikit-image is not installed, or a version without one of the files.
    """
    if split != "all" and split not in SPLITS:
        known = (*SPLITS, "all")
        raise ValueError(
            f'sample-photos have no split "{split}"{did_you_mean(split, known)}; choose one of {", ".join(known)}'
        )
    chosen = [each for files in SPLITS.values() for each in files] if split == "all" else SPLITS[split]
    photos = []
    for (package, folder), file in chosen:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingDataError(
                "sample-photos are pictures that scikit-image ships, which is not installed; run "
                "pip install scikit-image, or give the path of a folder of photographs"
            )
        path = Path(next(iter(spec.submodule_search_locations))) / folder / file
        if not path.is_file():
            raise MissingDataError(
                f"sample-photos need {path}, which the installed version of {package} lacks; install "
                "scikit-image 0.26, or give the path of a folder of photographs"
            )
        photos.append(SamplePhoto(path.stem, path))
    return photos


def sample_photos(*, resolution: tuple[int, int] | None = None, split: str = "train") -> Dataset:
    """Return the center of each picture at one size, as an unlabeled dataset.

    Args:
        resolution: (H, W) (default: 128x128).
        split: "train" (eight pictures), "test" (three) or "all".

    Raises:
        ValueError: if the split is unknown.
        DataError: if scikit-image is not installed.
    """
    rows = []
    decoding = Decoding(resolution or DEFAULT_SIZE, 3, "crop", (255, 255, 255))
    for photo in sample_photo_files(split):
        with opened_picture(photo.path) as image:
            rows.append(decoded(image, decoding)[0])
    return in_memory(f"sample-photos:{split}", np.stack(rows), np.full(len(rows), -1, np.int64), ())
