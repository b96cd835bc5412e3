"""Training images of runs: where they may be read from, and their pictures by fingerprint and row."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from everymode.data.builtin import parse_name
from everymode.data.dataset import Dataset
from everymode.data.layout import has_layout
from everymode.explorer.catalog import Catalog, Run
from everymode.explorer.encoding import WIDEST, encoded, media_type
from everymode.explorer.parameters import Parameters, address
from everymode.explorer.replies import File, Missing, Refused
from everymode.recipe import Recipe
from everymode.recipes.parts.picture_labels import Maps

if TYPE_CHECKING:
    from everymode.explorer.site import Site

__all__ = [
    "Reals",
    "TrainingData",
    "is_own",
    "open_recorded",
    "own_runs_folder",
    "real_address",
    "real_image",
    "source_of",
]

MOST_ROWS = 16
"""Most real images in one file."""
_ROWS = re.compile(rf"[0-9]{{1,12}}(,[0-9]{{1,12}}){{0,{MOST_ROWS - 1}}}")


@dataclass(frozen=True)
class TrainingData:
    """The training data of a run, or the reason why it isn't there (yet).

    Attributes:
        state: "waiting" while it is opened, "ready" or "refused".
        reason: why it is not ready, in words.
        source: path or name from which it was opened.
        dataset: the images that the run was trained on.
        held_out: the images that the run held out; None if there are none.
        without: why there are no held-out images, in words; "" if there are some.
        fits: whether the fingerprint is that of the run. If not, these are other images than those of the training.
    """

    state: str
    reason: str = ""
    source: str = ""
    dataset: Dataset | None = None
    held_out: Dataset | None = None
    without: str = ""
    fits: bool = False


class Reals:
    """Training data of the runs of an explorer, opened in threads beside the pages, and kept.

    Args:
        data: the data of the command line; None if it names none.
        runs_folder: the user's own runs folder: only runs in it may name the path of their data.
    """

    def __init__(self, data: str | Path | None = None, runs_folder: Path | None = None) -> None:
        self._data = data
        self._runs_folder = own_runs_folder() if runs_folder is None else runs_folder
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, str], TrainingData] = {}
        self._threads: dict[tuple[str, str], threading.Thread] = {}
        self._datasets: dict[str, Dataset] = {}

    @property
    def runs_folder(self) -> Path:
        """The user's own runs folder."""
        return self._runs_folder

    def of(self, run: Run, catalog: Catalog, wait: float = 0.0) -> TrainingData:
        """Return the training data of a run; opening it begins with the first call.

        Args:
            run: the run.
            catalog: finds the recipes of custom runs.
            wait: seconds to wait for data that is being opened.
        """
        source, reason = source_of(run, self._data, self._runs_folder)
        if source is None:
            return TrainingData("refused", reason)
        key = (run.name, run.fingerprint)
        with self._lock:
            if key in self._opened:
                return self._opened[key]
            thread = self._threads.get(key)
            if thread is None:
                thread = threading.Thread(
                    target=self._open, args=(key, run, catalog, source), name="everymode-data", daemon=True
                )
                self._threads[key] = thread
                thread.start()
        thread.join(wait)
        waiting = TrainingData("waiting", f"the training data {_shown(source)} is being opened")
        return self._opened.get(key, waiting)

    def dataset(self, fingerprint: str) -> Dataset | None:
        """Return the opened data of this fingerprint, or None."""
        return self._datasets.get(fingerprint)

    def _open(self, key: tuple[str, str], run: Run, catalog: Catalog, source: str) -> None:
        try:
            own = is_own(run, self._runs_folder)
            opened = _open_data(run, catalog, source, named=self._data is not None, own=own)
        except Exception as error:  # whatever a reader of foreign files raises, the explorer continues
            first = (" ".join(str(error).split()) or type(error).__name__)[:400]
            opened = TrainingData("refused", f"the training data {_shown(source)} can't be opened: {first}")
        with self._lock:
            if opened.dataset is not None:
                self._datasets[opened.dataset.fingerprint] = opened.dataset
            self._opened[key] = opened


def own_runs_folder() -> Path:
    """Return the user's own runs folder: `runs` in the current directory."""
    return Path("runs").resolve()


def is_own(run: Run, runs_folder: Path) -> bool:
    """Return whether a run is in the user's own runs folder, so that the paths that it records may be opened."""
    return run.path.resolve().parent == runs_folder


def source_of(run: Run, data: str | Path | None, runs_folder: Path) -> tuple[str | None, str]:
    """Return the source of a run's training data, or None and the reason.

    Data that the user names with --data is always used. The path that a run records is used only if the run is in the
    user's own runs folder: a run from elsewhere could name any folder of this machine. Data that is built in has no
    path and may always be used.
    """
    if data is not None:
        return str(data), ""
    recorded = run.data
    if not recorded:
        return None, f"{run.name} does not record its training data: start the explorer with --data PATH"
    if _is_built_in(recorded):
        return recorded, ""
    if not is_own(run, runs_folder):
        return None, (
            f"{run.name} is not in your own runs folder ({runs_folder.name}/ in the current directory), so the path of "
            "the data that it records is not opened: start the explorer with --data PATH"
        )
    return recorded, ""


def real_address(dataset: Dataset, rows: list[int], ending: str = "webp") -> str:
    """Return the address of a picture of one or several real images side by side."""
    return address(f"/real/{dataset.fingerprint}/{','.join(map(str, rows))}.{ending}")


def real_image(site: Site, parameters: Parameters) -> File:
    """Return real images as a picture, named by the fingerprint of their data and their rows.

    Raises:
        Missing: if the explorer has not opened such data, or it has no such row.
        Refused: if the name is no list of rows.
    """
    stem, _, ending = parameters.text("file", allowed="ROW.webp or ROW.png").rpartition(".")
    if ending not in ("webp", "png"):
        raise Refused("file", ending, ".webp or .png")
    if not _ROWS.fullmatch(stem):
        raise Refused("file", stem, f"at most {MOST_ROWS} rows, such as 5.webp or 1,5,7.webp")
    dataset = site.reals.dataset(parameters.text("fingerprint"))
    if dataset is None:
        raise Missing(
            "This explorer has not opened data of this fingerprint: open the page Labels or Nearest of its run first."
        )
    rows = [int(piece) for piece in stem.split(",")]
    if max(rows) >= len(dataset) or dataset.is_points:
        raise Missing(f"{dataset.name} has {len(dataset):,} rows, and none of number {max(rows):,}.")
    if len(rows) * dataset.image_shape[2] > WIDEST:
        raise Refused("file", stem, f"rows whose images have a width of at most {WIDEST:,} together")
    images = np.ascontiguousarray(dataset.images[np.asarray(rows)]).transpose(0, 2, 3, 1)
    return File(encoded(list(images), ending), media_type(ending), immutable=True)


def _open_data(run: Run, catalog: Catalog, source: str, *, named: bool, own: bool) -> TrainingData:
    """Open training data as training does, without the images that were held out."""
    from everymode.data.hiding import with_few_labels
    from everymode.data.holding_out import hold_out

    recipe = _recipe(run, catalog)
    opened = open_recorded(recipe, source, own=own)
    opened, held_out = hold_out(opened, recipe.held_out, recipe.seed)
    dataset = with_few_labels(opened, recipe.labeled_fraction, recipe.seed)
    fits = dataset.fingerprint == run.fingerprint
    if not fits and not named:
        return TrainingData(
            "refused",
            f"{_shown(source)} is not the data that {run.name} was trained on (its fingerprint differs): start the "
            "explorer with --data PATH",
        )
    without = ""
    if held_out is None or not fits:
        held_out, without = _held_out(recipe, fits=fits, own=own)
    return TrainingData("ready", "", source, dataset, held_out, without, fits)


def open_recorded(
    recipe: Recipe, source: str, *, own: bool, labeled: bool = False, training: bool = True
) -> Dataset:
    """Open the data at `source` for a recipe that a run records, as training does.

    Args:
        recipe: the recipe.
        source: path or name of the data.
        own: whether the run is in the user's own runs folder. The folders of label maps that the recipe of another run
            names are not opened: its maps are those beside the images of `source`.
        labeled: whether the data must have labels.
        training: whether these are the training data.
    """
    from everymode.runs.data import open_source

    if not own and isinstance(recipe.labels, Maps):
        recipe = replace(recipe, labels=replace(recipe.labels, maps="", instances=""))
    recipe = replace(recipe, layout=recipe.layout if has_layout(source) else None)
    return open_source(recipe, source, labeled=labeled, quiet=True, training=training)


def _held_out(recipe: Recipe, *, fits: bool, own: bool) -> tuple[Dataset | None, str]:
    """Return the dataset that a run names as held-out images, or None and the reason in words."""
    name = recipe.held_out
    if not fits:
        return (
            None,
            "The data of --data is not that of the run, so it is not known which images were held out",
        )
    if not isinstance(name, str) or not name:
        return None, "This run held no images out"
    if not own and not _is_built_in(name):
        return (
            None,
            "This run is not in your own runs folder, so the path of its held-out images is not opened",
        )
    try:
        return open_recorded(recipe, name, own=own, training=False), ""
    except Exception as error:  # as for the training data
        return (
            None,
            f"The held-out images {_shown(name)} can't be opened ({' '.join(str(error).split())[:200]})",
        )


def _recipe(run: Run, catalog: Catalog) -> Recipe:
    if run.newest is None:
        raise ValueError(f"{run.name} has no checkpoint")
    return catalog.recipe(run.newest)


def _is_built_in(source: str) -> bool:
    with suppress(ValueError):
        return parse_name(source) is not None and not Path(source).exists()
    return False


def _shown(source: str) -> str:
    return source if len(source) <= 120 else f"{source[:117]}..."
