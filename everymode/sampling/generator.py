"""A trained generator: load it, draw from it, share it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import UNLABELED, Condition, LabelSource
from everymode.recipe import Recipe
from everymode.sampling.building import built
from everymode.sampling.label_names import Asked, label_numbers
from everymode.sampling.record import own_classes, recipe_of
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import read_config

MOST_PIXELS = 8192 * 8192
"""Of one image, and of the images of one pass, where a size is asked for."""


class Generator:
    """A generator with the names of what it draws. Image i of `sample(n, seed=s)` depends on s + i alone."""

    def __init__(
        self,
        network: nn.Module,
        labels: LabelSource,
        *,
        classes: Sequence[str] = (),
        config: dict[str, Any] | None = None,
    ) -> None:
        self.network = network.eval()
        self.labels = labels
        self.classes = tuple(classes) if labels.names_classes else ()
        self.config = config or {}

    def __repr__(self) -> str:
        name = self.config.get("recipe", {}).get("numbers", {}).get("name") or type(self.network).__name__
        return (
            f"Generator({name}, {self.num_labels} labels, step {self.config.get('step', '?')}, {self.device})"
        )

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    @property
    def num_labels(self) -> int | tuple[int, ...]:
        return self.labels.num_labels

    def to(self, device: torch.device | str) -> Generator:
        """Move the weights."""
        self.network.to(device)
        self.labels.to(device)
        return self

    @torch.no_grad()
    def sample(
        self,
        n: int,
        label: Asked = None,
        seed: int | Sequence[int] = 0,
        truncation: float = 1.0,
        size: tuple[int, int] | None = None,
        *,
        batch_size: int = 64,
        by_position: bool = False,
    ) -> Tensor:
        """[n, C, H, W] images in [-1, 1], or [n, 2] points, on the CPU.

        Args:
            n: how many.
            label: one class for all (name or number), one for each, or None: drawn as the label source draws. Where
                all names are whole numbers, a number means the class of that name, else the class at that place of
                `classes`, from 0. Where images have several labels, one of each kind, as "circle,red,large" or
                (0, 1, None); an empty place, or None, is drawn.
            seed: image i is a function of seed + i, so any of them can be drawn again alone; or a seed for each image.
            truncation: factor on the latent code: below 1 trades variety for typicality.
            size: (height, width), for generators that draw any size; at most MOST_PIXELS in all.
            batch_size: images per pass, fewer where they are large; it bounds the memory and changes nothing else
                (but the last bits: a pass of several images adds up in another order than a pass of one).
            by_position: numbers are always places of `classes`.

        Raises ValueError for labels that the generator does not know, for labels where it knows none, and for sizes
        that it can't draw; TypeError for a number of images, a label or a seed of another kind.
        """
        seeds = seeds_of(seed, n)
        if n < 1 or batch_size < 1:
            raise ValueError(
                f"ask for at least one image, in batches of at least one, not {n} by {batch_size}"
            )
        require_truncation(truncation)
        if size is not None:
            batch_size = min(batch_size, MOST_PIXELS // _number_of_pixels(size))
        given = label_numbers(label, n, self.num_labels, self.classes, by_position=by_position)
        images = []
        for start in range(0, n, batch_size):
            rows = slice(start, min(start + batch_size, n))
            draws = self.draws(seeds[rows])
            z = self.latent_codes(draws) * truncation
            condition = self.conditions(None if given is None else given[rows], draws)
            drawn = self.network(z, condition) if size is None else self.network(z, condition, size)
            images.append(drawn.float().cpu())
        return torch.cat(images)

    def draws(self, seeds: Iterable[int], moment: str = "sample") -> list[Draws]:
        """The draws of the images with these seeds."""
        return [Draws(seed, moment, Rows.all(1), self.device, self.dtype) for seed in seeds]

    def latent_codes(self, draws: Sequence[Draws]) -> Tensor:
        """z [n, latent_dim] of images by their draws."""
        return torch.cat([draw.normal("z", self.network.latent_dim) for draw in draws])

    def conditions(self, given: Tensor | None, draws: Sequence[Draws]) -> Condition:
        """Labels [n] or [n, blocks] on the device, with those that were left open (or all, where None) drawn."""
        if given is None:
            return _stacked([self.labels.draw(draw) for draw in draws])
        labels = given.to(self.device)
        if not (given == UNLABELED).any():
            return labels
        rows = [self.labels.complete(row[None], draw) for row, draw in zip(labels, draws, strict=True)]
        return torch.cat(rows)

    def save(self, folder: str | Path) -> Path:
        """Write generator.safetensors, config.json and, where labels are drawn by what was learned, labels.safetensors:
        what `everymode.load` reads.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()
        }
        save_file(state, folder / "generator.safetensors")
        drawing = self.labels.sampling_state()
        if drawing:
            plain = {name: tensor.detach().cpu().contiguous() for name, tensor in drawing.items()}
            save_file(plain, folder / "labels.safetensors")
        (folder / "config.json").write_text(json.dumps(self.config, indent=1))
        return folder


def load(path: str | Path, *, recipe: Recipe | None = None, device: torch.device | str = "cpu") -> Generator:
    """A trained generator from a run folder, a checkpoint, or a folder that `Generator.save` wrote.

    Args:
        recipe: the recipe that built it, for recipes of your own (their code is never loaded from a file for you).

    Raises FileNotFoundError if there is no generator, ValueError if its file is damaged, if another version wrote it,
    or if its recipe has classes of your own and none is given.
    """
    folder = find_generator(Path(path))
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} has no config.json beside its weights: copy the whole folder")
    config = read_config(folder / "config.json")
    numbers = recipe_of(config, recipe, path)
    game = built(numbers, folder, trusted=bool(own_classes(config["recipe"])))
    classes = config.get("data", {}).get("classes", ())
    return Generator(game.generator, game.labels, classes=classes, config=config).to(device)


def require_truncation(truncation: float) -> None:
    """Raise ValueError for a factor on z below 0, infinite or NaN."""
    if not 0 <= truncation < math.inf:
        raise ValueError(
            f"truncation is a factor on z of 0 (the most typical) or more, and finite, not {truncation}"
        )


def seeds_of(seed: int | Sequence[int], n: int) -> Sequence[int]:
    """The seeds of n images: seed + i for image i, or those that were given.

    Raises TypeError for anything but whole numbers, ValueError for a wrong number of them.
    """
    if not isinstance(n, Integral):
        raise TypeError(f"n is how many to draw, a whole number such as 16, not {n!r}")
    arrays: Any = seed
    listed = arrays.tolist() if hasattr(arrays, "tolist") else arrays
    if isinstance(listed, Integral):
        return range(int(listed), int(listed) + n)
    if not isinstance(listed, Sequence) or not all(isinstance(each, Integral) for each in listed):
        raise TypeError(f"seed is a whole number, or a sequence of one for each image, not {seed!r}")
    if len(listed) != n:
        raise ValueError(
            f"{len(listed)} seeds for {n} images: give one that they count from, or one for each"
        )
    return listed


def find_generator(path: Path) -> Path:
    """The folder with generator.safetensors that a path stands for: itself, or a run's newest valid checkpoint."""
    if (path / "generator.safetensors").is_file():
        return path
    if (path / "checkpoints").is_dir():
        return files.newest_of_run(path)
    raise FileNotFoundError(
        f"{path} holds no generator: give a run folder, one of its checkpoints, or a folder with generator.safetensors"
    )


def _number_of_pixels(size: tuple[int, int]) -> int:
    if not (
        isinstance(size, Sequence) and len(size) == 2 and all(isinstance(side, Integral) for side in size)
    ):
        raise ValueError(f"size is (height, width) in pixels, such as (64, 48), not {size!r}")
    height, width = size
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise ValueError(
            f"an image of {height}x{width} can't be drawn: each side must be at least 1, and height times width at "
            f"most {MOST_PIXELS:,} (8192x8192)"
        )
    return height * width


def _stacked(conditions: list[Condition]) -> Condition:
    first = conditions[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        return tuple(torch.cat(parts) for parts in zip(*conditions, strict=True))
    return torch.cat(conditions)
