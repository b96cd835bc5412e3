"""The two sides of an evaluation: data sets and generators as streams of images with the facts that fix them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everymode.checkpoint import read_state, step_of
from everymode.data.dataset import Dataset
from everymode.data.opening import open_images, parse_resolution
from everymode.evaluation.sampling import IMAGES_PER_SEED, Drawer, Sampling
from everymode.generator import Generator, find_generator, load
from everymode.metrics.extractors.hashing import tensors_hash
from everymode.metrics.reference import Reference
from everymode.metrics.reservoir import random_rows
from everymode.metrics.statistics import Images
from everymode.recipe import Recipe

__all__ = [
    "Opened",
    "images_of_dataset",
    "images_of_generator",
    "is_generator",
    "open_data",
    "open_generator",
]

ROWS_AT_ONCE = 256
DRAWN_IMAGES = 10_000
LOSSY = (".jpg", ".jpeg")


CHOICE_SEED = 0
"""Of a choice among real images: fixed, so that cards with other seeds share their reference."""


@dataclass(frozen=True)
class Opened:
    """A generator from disk, the folder that held it, and whether its weights are the averaged ones."""

    generator: Generator
    folder: Path | None
    ema: bool

    @property
    def step(self) -> int | None:
        """Of training, where the folder is a checkpoint."""
        return None if self.folder is None else step_of(self.folder)


Side = str | Path | Dataset | Generator | Opened
"""What may be judged, or judged against."""


@dataclass(frozen=True)
class Sides:
    """Both sides, opened.

    Attributes:
        fake, real: a generator, or a data set.
        sampling: of generators; its seed also chooses among fakes on disk.
        fake_source, real_source: what the user called them.
    """

    fake: Opened | Dataset
    real: Opened | Dataset
    sampling: Sampling
    fake_source: str | None
    real_source: str | None

    @property
    def generator(self) -> Generator:
        """The one that is judged. Raises ValueError where images are judged."""
        if isinstance(self.fake, Opened):
            return self.fake.generator
        raise ValueError(
            "name a generator to judge, such as a run or one of its checkpoints: for points and for truncations, a set "
            "of samples is not enough"
        )

    @property
    def step(self) -> int | None:
        """Of the generator that is judged."""
        return self.fake.step if isinstance(self.fake, Opened) else None

    def real_images(self, num: int | None) -> Images:
        """At most `num` real images; of a generator 10,000 if None."""
        if isinstance(self.real, Opened):
            sampling = replace(self.sampling, seed=CHOICE_SEED)
            return _drawn_images(self.real, num or DRAWN_IMAGES, sampling)
        count = None if num is None else min(num, len(self.real))
        return images_of_dataset(self.real, num=count, seed=CHOICE_SEED, source=self.real_source)

    def fake_images(
        self,
        num: int | None,
        reference: Reference,
        *,
        most: int,
        fast: bool = False,
        sampling: Sampling | None = None,
    ) -> Images:
        """The images that are judged: of a generator `num`, or as many as there are real ones, but at most `most`; of
        a data set `num` at most, or all (fast: `most`).
        """
        sampling = sampling or self.sampling
        if isinstance(self.fake, Opened):
            count = min(reference.images.count, most) if num is None else num
            return _drawn_images(self.fake, count, sampling, reference.images)
        wanted = most if num is None and fast else num
        count = None if wanted is None else min(wanted, len(self.fake))
        return images_of_dataset(self.fake, num=count, seed=sampling.seed, source=self.fake_source)


def open_sides(
    fake: Side,
    real: Side | None,
    *,
    sampling: Sampling,
    ema: bool = True,
    recipe: Recipe | None = None,
    device: torch.device | str = "cpu",
    resolution: int | str | Sequence[int] | None = None,
) -> Sides:
    """Open both sides: images on disk at the size of the generator's images where there is one.

    Args: as `evaluate`.

    Raises:
        ValueError: no real side is named, and the fake one does not say what it learnt from.
        FileNotFoundError, everymode.data.DataError: images that aren't there or can't be used.
    """
    opened = [_with_generator(side, ema=ema, recipe=recipe, device=device) for side in (fake, real)]
    if real is None:
        real = opened[1] = _training_data(opened[0])
    generators = [each for each in opened if isinstance(each, Opened)]
    size = None if resolution is None else parse_resolution(resolution)
    fit = "crop"
    if generators:
        shape = generators[0].generator.sample(1).shape
        if len(shape) == 4 and size is None:
            size = (int(shape[2]), int(shape[3]))
        fit = _numbers(generators[0].generator).get("fit", "crop")
    found = [
        each if isinstance(each, Opened) else open_data(each, resolution=size, fit=fit)  # type: ignore[arg-type]
        for each in opened
    ]
    return Sides(found[0], found[1], sampling, _called(fake), _called(real))


def is_generator(path: str | Path) -> bool:
    """Whether a path is a run, a checkpoint or a saved generator, and no images."""
    folder = Path(path).expanduser()
    return (folder / "generator.safetensors").is_file() or (folder / "checkpoints").is_dir()


def open_generator(
    path: str | Path, *, ema: bool = True, recipe: Recipe | None = None, device: torch.device | str = "cpu"
) -> Opened:
    """The generator of a run (its newest checkpoint), checkpoint or saved folder.

    Args:
        ema: the averaged generator; else the raw one, which only checkpoints hold.
        recipe: for recipes of your own.

    Raises:
        FileNotFoundError: there is no generator.
        ValueError: a raw generator is asked of a folder that holds none.
    """
    folder = find_generator(Path(path).expanduser())
    generator = load(folder, recipe=recipe, device=device)
    if not ema:
        if not (folder / "state").is_dir():
            raise ValueError(
                f"{folder} holds the averaged generator only; leave --no-ema out, or give a run's checkpoint"
            )
        generator.network.load_state_dict(read_state(folder)["modules"]["generator"])
    return Opened(generator, folder, ema)


def open_data(
    source: str | Path | Dataset, *, resolution: tuple[int, int] | None = None, fit: str = "crop"
) -> Dataset:
    """A data set of images by path or name."""
    if isinstance(source, Dataset):
        return source
    return open_images(source, resolution=resolution, fit=fit)  # type: ignore[arg-type]


def images_of_dataset(
    dataset: Dataset, *, num: int | None = None, seed: int = 0, source: str | Path | None = None
) -> Images:
    """A data set, or a fixed random choice of `num` of its images, as a stream.

    Args:
        seed: of the choice.
        source: what the user called it.

    Raises:
        ValueError: points, or fewer images than asked for.
    """
    if dataset.is_points:
        raise ValueError(
            f"{dataset.name} holds points in the plane; image metrics need images (for points, evaluate a generator "
            "of points against a mixture such as ring)"
        )
    total = len(dataset)
    if num is not None and not 2 <= num <= total:
        raise ValueError(f"{dataset.name} has {total} images; ask for 2 to {total} of them, not {num}")
    whole = num is None or num == total
    rows = np.arange(total) if whole else random_rows(int(num or 0), total, seed).numpy()

    def take(places: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(dataset.images[rows[np.asarray(places)]]))

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield take(np.arange(start, min(start + ROWS_AT_ONCE, len(rows))))

    labels = dataset.labels if dataset.labels.ndim == 1 else np.full(total, -1, np.int64)
    facts = {
        "kind": "data",
        "fingerprint": dataset.fingerprint,
        "images": len(rows),
        "of": total,
        "choice_seed": None if whole else seed,
        "image_shape": list(dataset.image_shape),
    }
    warnings = []
    if source is not None and _has_lossy_files(Path(source)):
        warnings.append(
            f"{dataset.name} holds JPEG files: compression is part of what is measured; store generated images as PNG"
        )
    if dataset.num_skipped:
        warnings.append(f"{dataset.num_skipped} files of {dataset.name} could not be read and are left out")
    return Images(
        name=dataset.name,
        count=len(rows),
        batches=batches,
        labels=labels[rows],
        classes=dataset.classes if dataset.labels.ndim == 1 else (),
        facts=facts,
        take=take,
        warnings=tuple(warnings),
    )


def images_of_generator(
    generator: Generator,
    *,
    num: int,
    sampling: Sampling,
    class_counts: Sequence[int] = (),
    classes: Sequence[str] = (),
    ema: bool = True,
    step: int | None = None,
) -> Images:
    """The first `num` images of a generator as a stream.

    Args:
        class_counts: images per class of its data, where its own configuration does not say.
        classes: class names, where it knows none itself.
        ema: whether these are averaged weights.
        step: of training.

    Raises:
        ValueError: fewer than 2 or too many images, or a sampling that this generator can't have.
    """
    if not 2 <= num <= IMAGES_PER_SEED:
        raise ValueError(f"{num} images of a generator were asked for; choose 2 to {IMAGES_PER_SEED:,}")
    numbers = _numbers(generator)
    counts = numbers.get("class_counts") or class_counts
    drawer = Drawer(generator, sampling, class_counts=[int(count) for count in counts])
    names = generator.classes or tuple(classes)
    weights = tensors_hash(generator.network.state_dict())
    facts = {
        "kind": "generator",
        "weights": weights,
        "images": num,
        "seed": sampling.seed,
        **drawer.sampling.protocol(),
        "class_counts": list(counts) if drawer.sampling.label_prior == "data" else None,
        "ema": ema,
        "recipe": _digest_without_seed(generator),
        "recipe_name": numbers.get("name") or None,
        "data": generator.config.get("data", {}).get("fingerprint"),
        "step": step,
        "training_seed": numbers.get("seed"),
        "acceptance_rate": 1.0,
    }
    return Images(
        name=str(numbers.get("name") or "generator"),
        count=num,
        batches=lambda: drawer.batches(num),
        labels=drawer.labels(num),
        classes=tuple(names) if drawer.has_labels and len(names) == generator.num_labels else (),
        facts=facts,
        take=drawer.take,
    )


def _drawn_images(opened: Opened, num: int, sampling: Sampling, real: Images | None = None) -> Images:
    return images_of_generator(
        opened.generator,
        num=num,
        sampling=sampling,
        class_counts=() if real is None else real.class_counts,
        classes=() if real is None else real.classes,
        ema=opened.ema,
        step=opened.step,
    )


def _with_generator(
    side: Side | None, *, ema: bool, recipe: Recipe | None, device: torch.device | str
) -> Side | None:
    if isinstance(side, str | Path) and is_generator(side):
        return open_generator(side, ema=ema, recipe=recipe, device=device)
    if isinstance(side, Generator):
        return Opened(side.to(device), None, ema)
    return side


def _training_data(side: Side | None) -> str:
    source = side.generator.config.get("data", {}).get("source") if isinstance(side, Opened) else None
    if not source:
        raise ValueError(
            "name the real images, as in --real photos: what is judged does not say what it learnt from"
        )
    return str(source)


def _called(side: Side | None) -> str | None:
    if isinstance(side, Dataset):
        return side.name
    return str(side) if isinstance(side, str | Path) else None


def _numbers(generator: Generator) -> dict[str, Any]:
    return generator.config.get("recipe", {}).get("numbers", {})


def _digest_without_seed(generator: Generator) -> str | None:
    """What two runs that differ in their seed alone share; None where the recipe is not known."""
    record = generator.config.get("recipe")
    if not record:
        return None
    kept = {name: value for name, value in record["numbers"].items() if name != "seed"}
    text = json.dumps([record["module"], record["class"], kept], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _has_lossy_files(path: Path) -> bool:
    if not path.is_dir():
        return False
    return next((True for file in path.rglob("*") if file.suffix.lower() in LOSSY), False)
