"""The two sides of an evaluation, opened from user-provided names as generators or datasets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from everymode.data.dataset import Dataset
from everymode.data.holding_out import hold_out
from everymode.data.layout import Layout, has_layout
from everymode.data.map_style import Objects, name_of, require_objects
from everymode.data.opening import image_size, open_images
from everymode.evaluation.naming import require_there
from everymode.evaluation.protocol import REPORT_IMAGES, Protocol
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.statistics import Images
from everymode.evaluation.streams import images_of_dataset, images_of_generator, recipe_numbers
from everymode.recipe import Recipe
from everymode.sampling.generator import Generator, find_generator, load
from everymode.storage.checkpoint import read_state, step_of

__all__ = [
    "Opened",
    "Side",
    "Sides",
    "is_generator",
    "open_data",
    "open_generator",
    "open_sides",
    "require_sides",
    "with_generator",
]

DRAWN_IMAGES = 10_000
CHOICE_SEED = 0
"""Seed for the subset of real images; fixed so that cards with other seeds share their reference."""
REFERENCE_SEED = 1_000_003
"""Seed for generators used as the real side; differs from the default so that both sides are not identical."""


@dataclass(frozen=True)
class Opened:
    """A generator, its folder (None if it was passed as an object), and whether its weights are the averaged ones.

    `source` is the name under which the user knows it; None if it was passed as an object.
    """

    generator: Generator
    folder: Path | None
    ema: bool
    source: str | None = None

    @property
    def step(self) -> int | None:
        """Training step; None if the folder is not a checkpoint."""
        return None if self.folder is None else step_of(self.folder)


Side = str | Path | Dataset | Objects | Generator | Opened
"""Anything that can be one side of an evaluation."""


@dataclass(frozen=True)
class Sides:
    """Both opened sides of an evaluation.

    Attributes:
        fake, real: a generator or a dataset.
        sampling: sampling of generators; its seed also selects the subset of generated images on disk.
        fake_source, real_source: user-provided names of the sides.
        size, fit, value_range, layout: options with which images on disk were opened; None means the images' own.
        held_out: images of the training data that the evaluated run held out; None if it held out none, or `real` was
            named.
    """

    fake: Opened | Dataset
    real: Opened | Dataset
    sampling: Sampling
    fake_source: str | None
    real_source: str | None
    size: tuple[int, int] | None
    fit: str
    value_range: str | None = None
    layout: Layout | None = None
    held_out: Dataset | None = None

    def require_generator(self) -> Generator:
        """Return the evaluated generator.

        Raises:
            ValueError: if the fake side is a set of images.
        """
        if isinstance(self.fake, Opened):
            return self.fake.generator
        raise ValueError(
            "evaluations of points and truncation curves need a generator, not a set of samples: name a run or one of "
            "its checkpoints"
        )

    @property
    def step(self) -> int | None:
        """Training step of the evaluated generator; None if it is unknown."""
        return self.fake.step if isinstance(self.fake, Opened) else None

    def real_images(self, num: int | None, *, fast: bool = False) -> Images:
        """Return `num` real images.

        Args:
            num: None means 10,000 images of a generator, without truncation, or all images of a dataset (fast: at most
                10,000).
            fast: see above.
        """
        if isinstance(self.real, Opened):
            sampling = replace(self.sampling, seed=REFERENCE_SEED, truncation=1.0, truncation_rule="scale")
            return _drawn_images(self.real, DRAWN_IMAGES if num is None else num, sampling)
        count = min(REPORT_IMAGES, len(self.real)) if num is None and fast else num
        return images_of_dataset(self.real, num=count, seed=CHOICE_SEED, source=self.real_source)

    def fake_images(
        self,
        num: int | None,
        real: Images,
        *,
        most: int,
        fast: bool = False,
        sampling: Sampling | None = None,
    ) -> Images:
        """Return `num` generated images for the evaluation.

        Args:
            num: None means, for a generator, the number of real images but at most `most`; for a dataset all images
                (fast: at most `most`).
            real: the real images.
            most: largest default number.
            fast: whether `most` also limits a dataset.
            sampling: replaces `self.sampling`.
        """
        sampling = sampling or self.sampling
        if isinstance(self.fake, Opened):
            count = min(real.count, most) if num is None else num
            return _drawn_images(self.fake, count, sampling, real)
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
    """Open both sides. If one is a generator, images on disk are opened at the size of its images.

    If `real` is None, the images that the evaluated run held out from its data are not part of the real side.

    Args:
        fake, real, protocol, recipe, choices: as in `evaluate`.
        device: device of the generators.

    Raises:
        ValueError: if `real` is None and the fake side does not record its training data.
        FileNotFoundError: if a path does not exist.
        everymode.data.DataError: if images can't be used.
    """
    protocol = replace(protocol or Protocol(), **choices)
    require_sides(fake, real)
    fake_side = with_generator(fake, ema=protocol.ema, recipe=recipe, device=device)
    named = real
    if real is None:
        real = real_side = _training_data(fake_side)
    else:
        real_side = with_generator(real, ema=protocol.ema, recipe=recipe, device=device)
    opened = (fake_side, real_side)
    generators = [each for each in opened if isinstance(each, Opened)]
    size = image_size(protocol.resolution)
    fit, label_column, value_range, layout = "crop", "", protocol.value_range, protocol.layout
    _require_arrays(opened, layout)
    for each in generators:
        if each.generator.labels.needs_examples:
            raise ValueError(
                "truncation curves, nearest images and comparisons of two generators need images that are drawn from "
                "seeds alone, and this generator draws from label maps or pictures: evaluate it by itself, on test data"
            )
    if generators:
        shape = generators[0].generator.sample(1).shape
        if len(shape) == 4 and size is None:
            size = (int(shape[2]), int(shape[3]))
        numbers = recipe_numbers(generators[0].generator)
        fit, label_column = numbers.get("fit", "crop"), numbers.get("label_column", "")
        value_range = value_range or numbers.get("value_range") or None
        layout = layout or numbers.get("layout") or None
    options = {"fit": fit, "value_range": value_range, "layout": layout}
    sides = [
        each
        if isinstance(each, Opened)
        else open_data(each, resolution=size, label_column=label_column, **options)
        for each in opened
    ]
    sampling = protocol.sampling or Sampling()
    opened_sides = Sides(sides[0], sides[1], sampling, _label(fake), _label(real), size, **options)
    return _without_held_out(opened_sides) if named is None else opened_sides


def _require_arrays(sides: tuple[object, ...], layout: str | None) -> None:
    """Raise ValueError if a layout is set and no side is a file of arrays."""
    if layout is not None and not any(isinstance(each, str | Path) and has_layout(each) for each in sides):
        raise ValueError(f"layout is {layout}, but no side is a file of arrays (.npy or .npz); omit layout")


def is_generator(path: str | Path) -> bool:
    """Return whether a path is a run, a checkpoint or a saved generator."""
    folder = Path(path).expanduser()
    return (folder / "generator.safetensors").is_file() or (folder / "checkpoints").is_dir()


def open_generator(
    path: str | Path, *, ema: bool = True, recipe: Recipe | None = None, device: torch.device | str = "cpu"
) -> Opened:
    """Load the generator of a run (its newest checkpoint), a checkpoint or a saved folder.

    Args:
        path: run, checkpoint or saved folder.
        ema: whether to load the averaged generator; the raw one is stored in checkpoints only.
        recipe: recipe of the run; needed for custom recipes.
        device: device of the weights.

    Raises:
        FileNotFoundError: if there is no generator.
        ValueError: if `ema` is False and the folder holds no raw generator.
    """
    folder = find_generator(Path(path).expanduser())
    generator = load(folder, recipe=recipe, device=device)
    if not ema:
        if not (folder / "state").is_dir():
            raise ValueError(
                f"{folder} holds the averaged generator only: omit --no-ema, or give a run's checkpoint"
            )
        try:
            generator.network.load_state_dict(read_state(folder)["modules"]["generator"])
        except (RuntimeError, LookupError, TypeError) as error:
            raise ValueError(
                f"{folder} holds no raw generator that fits its recipe ({str(error)[:300]}): omit --no-ema, or give "
                "another checkpoint"
            ) from error
    return Opened(generator, folder, ema)


def open_data(
    source: str | Path | Objects,
    *,
    resolution: tuple[int, int] | None = None,
    fit: str = "crop",
    label_column: str = "",
    value_range: str | None = None,
    layout: Layout | None = None,
) -> Dataset:
    """Open a dataset of images by path or name, or from objects in memory (see `open_images`).

    Args:
        source: path or name; a `Dataset` is returned unchanged.
        resolution, fit, value_range: as for `open_images`.
        layout: as for `open_images`; ignored for all but files of arrays.
        label_column: column of the labels that a generator was trained with; data without this column have their
            default labels.
    """
    if isinstance(source, Dataset):
        return source
    options: dict[str, Any] = {"resolution": resolution, "fit": fit, "value_range": value_range}
    if isinstance(source, str | Path) and has_layout(source):
        options["layout"] = layout
    if label_column:
        with suppress(ValueError):
            return open_images(source, label_column=label_column, **options)
    return open_images(source, **options)


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


def require_sides(fake: Side, real: Side | None) -> None:
    """Raise an error if a side is neither there nor data that can be opened, as `open_sides`."""
    for side in (fake, real):
        if isinstance(side, str | Path):
            require_there(side)
        elif side is not None and not isinstance(side, Generator | Opened):
            require_objects(side)


def with_generator(
    side: Side, *, ema: bool, recipe: Recipe | None, device: torch.device | str
) -> str | Path | Dataset | Objects | Opened:
    """Return a side, opened if it is a generator."""
    if isinstance(side, str | Path) and is_generator(side):
        return replace(open_generator(side, ema=ema, recipe=recipe, device=device), source=str(side))
    if isinstance(side, Generator):
        return Opened(side.to(device), None, ema)
    return side


def _training_data(side: Side) -> str:
    """Return the name of the data that a run was trained on."""
    source = side.generator.config.get("data", {}).get("source") if isinstance(side, Opened) else None
    if not source:
        raise ValueError(
            "name the real images, as in --real photos: only a trained run records its training data"
        )
    return str(source)


def _without_held_out(sides: Sides) -> Sides:
    """Split the training data into the images that the evaluated run was trained on and those that it held out."""
    assert isinstance(sides.real, Dataset)
    numbers = recipe_numbers(sides.require_generator())
    training, held_out = hold_out(sides.real, numbers.get("held_out", ""), numbers.get("seed", 0))
    return replace(sides, real=training, held_out=held_out)


def _label(side: Side | None) -> str | None:
    if isinstance(side, Opened):
        return side.source
    if side is None or isinstance(side, Generator):
        return None
    return str(side) if isinstance(side, str | Path) else name_of(side)
