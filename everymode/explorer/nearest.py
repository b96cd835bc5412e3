"""Nearest training images of generated ones by features of the run's metric extractor, computed in the background."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from everymode.data.dataset import Dataset
from everymode.explorer.catalog import Catalog, Run
from everymode.explorer.real_images import Reals, TrainingData, is_own

if TYPE_CHECKING:
    from everymode.extractors.extractor import Extractor

__all__ = ["MOST_FEATURES", "Features", "Found", "Searches", "percentile"]

MOST_FEATURES = 10_000
"""Most images of each side that are searched; of larger data a fixed random selection, as in `everymode evaluate`."""


@dataclass(frozen=True)
class Features:
    """Features of a run's training images, and how far unseen images are from them.

    Attributes:
        extractor: the extractor.
        layer: layer of the features.
        dataset: the training images.
        training: float32 [N, F], features of the images that are searched.
        rows: int64 [N], their rows in the dataset.
        held_out: float64 [M], ascending: distance of each held-out image to the nearest training image; empty without
            held-out images.
        without: why there are no held-out images, in words; "" if there are some.
        fits: whether these are the images that the run was trained on.
    """

    extractor: Extractor
    layer: str
    dataset: Dataset = field(repr=False)
    training: Tensor = field(repr=False)
    rows: Tensor = field(repr=False)
    held_out: Tensor = field(repr=False)
    without: str = ""
    fits: bool = True

    def search(self, image: np.ndarray, k: int) -> Found:
        """Find the nearest training images of an image.

        Args:
            image: uint8 [H, W, C].
            k: number of images, at most N.
        """
        from everymode.extractors.extraction import extract
        from everymode.metrics.memorization import nearest_rows

        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        features = extract(self.extractor, [pixels], layers=[self.layer]).features[self.layer]
        neighbors = nearest_rows(self.training, features, k=min(k, len(self.training)))
        rows = self.rows[neighbors.row[0]]
        return Found(tuple(rows.tolist()), tuple(neighbors.distance[0].tolist()))


@dataclass(frozen=True)
class Found:
    """The nearest training images of a generated one, nearest first: rows of the dataset, and Euclidean distances."""

    rows: tuple[int, ...]
    distances: tuple[float, ...]


@dataclass
class Search:
    """The background work for one run.

    Attributes:
        state: "waiting", "computing", "ready" or "refused".
        text: what happens, or why nothing does.
        done, total: progress in images; total is 0 while it is unknown.
        features: the result.
    """

    state: str = "waiting"
    text: str = "the training data is being opened"
    done: int = 0
    total: int = 0
    features: Features | None = None


class Searches:
    """Features of the training images of an explorer's runs; one run is computed at a time.

    Args:
        reals: the training data.
        catalog: finds the recipes of runs.
    """

    def __init__(self, reals: Reals, catalog: Catalog) -> None:
        self._reals, self._catalog = reals, catalog
        self._lock, self._one = threading.Lock(), threading.Lock()
        self._searches: dict[tuple[str, str], Search] = {}
        self._threads: dict[tuple[str, str], threading.Thread] = {}

    def of(self, run: Run, wait: float = 0.0) -> Search:
        """Return the work for a run; it begins with the first call.

        Args:
            run: the run.
            wait: seconds to wait for its end.
        """
        key = (run.name, run.fingerprint)
        with self._lock:
            search = self._searches.get(key)
            if search is None:
                search = self._searches[key] = Search()
                thread = threading.Thread(
                    target=self._work, args=(run, search), name="everymode-nearest", daemon=True
                )
                self._threads[key] = thread
                thread.start()
        self._threads[key].join(wait)
        return search

    def _work(self, run: Run, search: Search) -> None:
        try:
            with self._one:
                data = self._reals.of(run, self._catalog, wait=24 * 3600)
                if data.dataset is None:
                    search.state, search.text = "refused", data.reason
                    return
                search.features = self._features(run, data, data.dataset, search)
                search.state, search.text = "ready", ""
        except Exception as error:  # an extractor that isn't installed, data without images, a full disk
            reason = (" ".join(str(error).split()) or type(error).__name__)[:400]
            search.state = "refused"
            search.text = f"the features of the training images can't be computed: {reason}"

    def _features(self, run: Run, data: TrainingData, dataset: Dataset, search: Search) -> Features:
        from everymode.evaluation.reference import reference_for
        from everymode.evaluation.streams import images_of_dataset
        from everymode.metrics.memorization import nearest_rows

        extractor = self._extractor(run, dataset)
        search.state = "computing"
        sides: list[Any] = []
        for side, name in ((dataset, "training"), (data.held_out, "held-out")):
            if side is None or len(side) < 2:
                continue
            search.text, search.done, search.total = f"features of the {name} images", 0, len(side)

            def progress(done: int) -> None:
                search.done = done

            reference = reference_for(
                images_of_dataset(side), extractor, max_features=MOST_FEATURES, progress=progress
            )
            sides.append(reference.statistics)
        distances = torch.zeros(0, dtype=torch.float64)
        if len(sides) > 1:
            search.text, search.done, search.total = "distances of the held-out images", 0, 0
            distances = nearest_rows(sides[0].features, sides[1].features).distance[:, 0].sort().values
        layer, side = extractor.default_layer, sides[0]
        without = "" if len(distances) else data.without or "There is only one held-out image"
        return Features(extractor, layer, dataset, side.features, side.rows, distances, without, data.fits)

    def _extractor(self, run: Run, dataset: Dataset) -> Extractor:
        """Return the extractor of a run's metrics.

        Raises:
            ValueError: if the run names code, an address or a file of its own.
        """
        from everymode.evaluation.image_scores import chosen_extractor
        from everymode.extractors.naming import names_code

        name = self._catalog.recipe(run.newest).metric_extractor if run.newest is not None else None
        own = is_own(run, self._reals.runs_folder)
        if name is not None and (names_code(name) or (not own and _names_file(name))):
            raise ValueError(
                f"{run.name} was measured with {name!r}, which is code, an address or a file: it is not opened because "
                "a run names it"
            )
        return chosen_extractor(name, dataset.name, fast=True, device="cpu")


def percentile(distance: float, held_out: Tensor) -> float | None:
    """Return the percentile of a distance among those of held-out images, ties counted half; None if there are none.

    Args:
        distance: distance of a generated image to its nearest training image.
        held_out: float64 [M], the same distances of held-out images.

    Returns:
        0 to 100; near 0 means that hardly any unseen image is as near to the training images.
    """
    if not len(held_out):
        return None
    below = (held_out < distance).double() + 0.5 * (held_out == distance).double()
    return 100 * float(below.mean())


def _names_file(name: str) -> bool:
    family, _, argument = name.partition(":")
    return bool(argument) and family not in ("lite0", "random")
