"""The two sides of an evaluation, from what a user names to a generator or a data set each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from everymode.data.dataset import Dataset
from everymode.data.map_style import Objects, name_of, require_objects
from everymode.data.opening import image_size, open_images
from everymode.evaluation.naming import require_there
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.reference import Reference
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.statistics import Images
from everymode.evaluation.streams import images_of_dataset, images_of_generator, recipe_numbers
from everymode.recipe import Recipe
from everymode.sampling.generator import Generator, find_generator, load
from everymode.storage.checkpoint import read_state, step_of

__all__ = ["Opened", "Side", "Sides", "is_generator", "open_data", "open_generator", "open_sides"]

DRAWN_IMAGES = 10_000
CHOICE_SEED = 0
"""Of a choice among real images: fixed, so that cards with other seeds share their reference."""
REFERENCE_SEED = 1_000_003
"""Of a generator that stands on the real side: not a seed that is likely on the other."""


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


Side = str | Path | Dataset | Objects | Generator | Opened
"""What may be judged, or judged against."""


@dataclass(frozen=True)
class Sides:
    """Both sides, opened.

    Attributes:
        fake, real: a generator, or a data set.
        sampling: of generators; its seed also chooses among fakes on disk.
        fake_source, real_source: what the user called them.
        size, fit, value_range: at which images on disk were opened; None: at their own.
    """

    fake: Opened | Dataset
    real: Opened | Dataset
    sampling: Sampling
    fake_source: str | None
    real_source: str | None
    size: tuple[int, int] | None
    fit: str
    value_range: str | None = None

    def require_generator(self) -> Generator:
        """The generator that is judged. Raises ValueError where images are judged."""
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
        """`num` real images, or all; of a generator, which is not truncated, 10,000 if None."""
        if isinstance(self.real, Opened):
            sampling = replace(self.sampling, seed=REFERENCE_SEED, truncation=1.0, truncation_rule="scale")
            return _drawn_images(self.real, DRAWN_IMAGES if num is None else num, sampling)
        return images_of_dataset(self.real, num=num, seed=CHOICE_SEED, source=self.real_source)

    def fake_images(
        self,
        num: int | None,
        reference: Reference,
        *,
        most: int,
        fast: bool = False,
        sampling: Sampling | None = None,
    ) -> Images:
        """The images that are judged: `num`; left out, of a generator as many as there are real ones, but at most
        `most`, of a data set all (fast: at most `most`).
        """
        sampling = sampling or self.sampling
        if isinstance(self.fake, Opened):
            count = min(reference.images.count, most) if num is None else num
            return _drawn_images(self.fake, count, sampling, reference.images)
        count = min(most, len(self.fake)) if num is None and fast else num
        return images_of_dataset(self.fake, num=count, seed=sampling.seed, source=self.fake_source)


def open_sides(
    fake: Side,
    real: Side | None,
    protocol: Protocol | None = None,
    *,
    recipe: Recipe | None = None,
    device: torch.device | str = "cpu",
    **choices: Any,
) -> Sides:
    """Open both sides: images on disk at the size of the generator's images where there is one.

    Args: as `evaluate`.

    Raises:
        ValueError: no real side is named, and the fake one does not say what it learned from.
        FileNotFoundError, everymode.data.DataError: images that aren't there or can't be used.
    """
    protocol = replace(protocol or Protocol(), **choices)
    for side in (fake, real):
        if isinstance(side, str | Path):
            require_there(side)
        elif side is not None and not isinstance(side, Generator | Opened):
            require_objects(side)
    opened = [_with_generator(side, ema=protocol.ema, recipe=recipe, device=device) for side in (fake, real)]
    if real is None:
        real = opened[1] = _training_data(opened[0])
    generators = [each for each in opened if isinstance(each, Opened)]
    size = image_size(protocol.resolution)
    fit, label_column, value_range = "crop", "", protocol.value_range
    if generators:
        shape = generators[0].generator.sample(1).shape
        if len(shape) == 4 and size is None:
            size = (int(shape[2]), int(shape[3]))
        numbers = recipe_numbers(generators[0].generator)
        fit, label_column = numbers.get("fit", "crop"), numbers.get("label_column", "")
        value_range = value_range or numbers.get("value_range") or None
    found = [
        each
        if isinstance(each, Opened)
        else open_data(each, resolution=size, fit=fit, label_column=label_column, value_range=value_range)  # type: ignore[arg-type]
        for each in opened
    ]
    sampling = protocol.sampling or Sampling()
    return Sides(found[0], found[1], sampling, _called(fake), _called(real), size, fit, value_range)


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
        try:
            generator.network.load_state_dict(read_state(folder)["modules"]["generator"])
        except (RuntimeError, LookupError, TypeError) as error:
            raise ValueError(f"{folder} holds no raw generator that fits ({str(error)[:300]})") from error
    return Opened(generator, folder, ema)


def open_data(
    source: str | Path | Objects,
    *,
    resolution: tuple[int, int] | None = None,
    fit: str = "crop",
    label_column: str = "",
    value_range: str | None = None,
) -> Dataset:
    """A dataset of images by path or name, or of data in memory (see `open_images`); a Dataset stays as it is.

    Args:
        label_column: where a generator found its labels; data without it have the labels that they have.
        value_range: as for `open_images`.
    """
    if isinstance(source, Dataset):
        return source
    how: dict[str, Any] = {"resolution": resolution, "fit": fit, "value_range": value_range}
    if label_column:
        with suppress(ValueError):
            return open_images(source, label_column=label_column, **how)
    return open_images(source, **how)


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
            "name the real images, as in --real photos: only a trained run says what it learned from"
        )
    return str(source)


def _called(side: Side | None) -> str | None:
    if side is None or isinstance(side, Generator | Opened):
        return None
    return str(side) if isinstance(side, str | Path) else name_of(side)
