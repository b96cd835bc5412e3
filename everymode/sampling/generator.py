"""The trained generator: loading, sampling and saving."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import UNLABELED, Condition, LabelSource
from everymode.machine.device import checked_device
from everymode.recipe import Recipe
from everymode.sampling.building import built_for_sampling
from everymode.sampling.label_names import RequestedLabels, label_numbers
from everymode.sampling.record import own_classes, recipe_of
from everymode.sampling.seeds import seeds_of
from everymode.sampling.translation import translate
from everymode.sharing import hub
from everymode.sharing.files import CONFIG, VERSION, WEIGHTS, require_unchanged
from everymode.sharing.folder import write_folder
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import nearest_run, read_config

MOST_PIXELS = 8192 * 8192
"""Largest number of pixels of one image, and of all images in one forward pass, if `size` is set."""


class Generator:
    """A trained generator with its label source and class names.

    Image i of `sample(n, seed=s)` depends on s + i only.

    Args:
        network: maps z [n, latent_dim] and a condition to images; it is put in eval mode.
        labels: draws the labels of samples.
        classes: class names; ignored if the labels are not the dataset's classes.
        config: the contents of config.json.
    """

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
        """Device of the weights."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        return next(self.network.parameters()).dtype

    @property
    def num_labels(self) -> int | tuple[int, ...]:
        """Number of labels; a tuple for several label blocks; 0 if the generator has no labels."""
        return self.labels.num_labels

    def to(self, device: torch.device | str) -> Generator:
        """Move the weights to a device and return the generator.

        Raises:
            ValueError: if there is no such device.
        """
        device = checked_device(device)
        self.network.to(device)
        self.labels.to(device)
        return self

    @torch.no_grad()
    def sample(
        self,
        n: int,
        label: RequestedLabels = None,
        seed: int | Sequence[int] = 0,
        truncation: float = 1.0,
        size: tuple[int, int] | None = None,
        *,
        batch_size: int = 64,
        by_position: bool = False,
    ) -> Tensor:
        """Return n images [n, C, H, W] in [-1, 1], or points [n, 2], on the CPU.

        Args:
            n: number of images.
            label: one class (name or number) for all images, or one for each; None draws labels from the label source.
                If all class names are integers, a number means the class of that name, otherwise the index in
                `classes`, counted from 0. With several labels per image, one label of each kind, as "circle,red,large"
                or (0, 1, None); an empty position or None is drawn.
            seed: image i is a function of seed + i, so each image can be drawn again alone; or one seed for each image.
            truncation: factor on the latent code; below 1 trades variety for typicality.
            size: (height, width), for generators that can draw any size; at most MOST_PIXELS pixels.
            batch_size: images per forward pass; large images have smaller batches. It limits the memory and changes
                only the last bits (a pass of several images sums in another order than a pass of one).
            by_position: whether numbers are always indices in `classes`.

        Raises:
            ValueError: if the generator does not know a label or has no labels, or if it can't draw the size.
            TypeError: if n, a label or a seed has the wrong type.
        """
        self.require_labels_only()
        seeds = seeds_of(seed, n)
        if n < 1 or batch_size < 1:
            raise ValueError(f"n and batch_size must be at least 1, not {n} and {batch_size}")
        require_truncation(truncation)
        if size is not None:
            batch_size = min(batch_size, MOST_PIXELS // _number_of_pixels(size))
        numbers = label_numbers(label, n, self.num_labels, self.classes, by_position=by_position)
        images = []
        for start in range(0, n, batch_size):
            rows = slice(start, min(start + batch_size, n))
            draws = self.draws(seeds[rows])
            z = self.latent_codes(draws) * truncation
            condition = self.conditions(None if numbers is None else numbers[rows], draws)
            batch = self.network(z, condition) if size is None else self.network(z, condition, size)
            images.append(batch.float().cpu())
        return torch.cat(images)

    def draws(self, seeds: Iterable[int], moment: str = "sample") -> list[Draws]:
        """Return the random draws of the images with these seeds."""
        return [Draws(seed, moment, Rows.all(1), self.device, self.dtype) for seed in seeds]

    def require_labels_only(self) -> None:
        """Raise ValueError if images need a picture or a label map, so that samples can't be drawn from seeds alone."""
        if self.labels.needs_examples:
            raise ValueError(
                "this generator draws images from label maps or pictures, not from seeds alone: use "
                "Generator.translate(condition), or the commands `everymode translate` and `everymode upscale`"
            )

    def latent_codes(self, draws: Sequence[Draws]) -> Tensor:
        """Return the latent codes z [n, latent_dim] of n images."""
        return torch.cat([draw.normal("z", self.latent_dim) for draw in draws])

    @property
    def latent_dim(self) -> int:
        """Length of the latent code; 0 = none."""
        # Every generator network has this attribute; torch types all attributes as Tensor | Module.
        return cast(int, self.network.latent_dim)

    def translate(
        self, condition: Condition, *, seed: int | Sequence[int] = 0, batch_size: int = 16
    ) -> Tensor:
        """Return the images for label maps, pictures, or pictures with attributes (`translation.translate`)."""
        return translate(self, condition, seed=seed, batch_size=batch_size)

    def conditions(self, given: Tensor | None, draws: Sequence[Draws]) -> Condition:
        """Return the labels [n] or [n, blocks] on the device; UNLABELED ones, or all if `given` is None, are drawn."""
        if given is None:
            return _stacked([self.labels.draw(draw) for draw in draws])
        labels = given.to(self.device)
        if not (given == UNLABELED).any():
            return labels
        rows = [self.labels.complete(row[None], draw) for row, draw in zip(labels, draws, strict=True)]
        return torch.cat(rows)

    def save(
        self,
        folder: str | Path,
        *,
        data_name: str | None = None,
        license: str | None = None,
        scores: Iterable[Any] | None = None,
        samples: str | Path | None = None,
    ) -> Path:
        """Write a folder to share, which `everymode.load` reads, atomically.

        The folder holds generator.safetensors, labels.safetensors (if labels are drawn with learned state), config.json
        with the SHA-256 of each file, README.md (a model card) and samples.png. It holds no path, command or name of a
        computer; class names are shared as they are. In an existing folder these files are replaced and others stay; an
        interruption there leaves the old generator, the new one, or a folder without config.json, which
        `everymode.load` rejects.

        Args:
            folder: a new or an existing folder.
            data_name: name of the training data, for the model card.
            license: license of the weights, such as "cc-by-4.0".
            scores: score cards of these weights (`ScoreCard`, or their JSON), for the model card.
            samples: image file for samples.png; None = samples are drawn, unless the generator needs pictures.
                data_name, license and scores that are None are those of the folder that the generator was loaded from.

        Returns:
            The folder.
        Raises:
            ValueError: if the generator's config names no recipe, or `samples` can't be read.
            FileExistsError: if the folder has a README.md or samples.png that everymode did not write.
            OSError: if the folder can't be written.
        """
        return write_folder(
            self,
            Path(folder),
            data_name=data_name,
            license=license,
            scores=None if scores is None else [_as_json(card) for card in scores],
            picture=None if samples is None else Path(samples),
        )

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> Path:
        """Write a folder to share. Another name of `save`, whose arguments `options` are."""
        return self.save(save_directory, **options)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None, **options: Any) -> Generator:
        """Load a generator from a folder, or from the Hugging Face hub. Another name of `everymode.load`.

        Args:
            source: a folder, "hub:owner/name@revision", or the "owner/name" of a repository if there is no such folder.
            revision: commit, tag or branch on the hub.
            options: arguments of `everymode.load`.
        """
        return load(hub.address_of(source, revision), **options)

    def push_to_hub(
        self,
        repository: str,
        *,
        data_name: str | None = None,
        license: str | None = None,
        scores: Iterable[Any] | None = None,
        samples: str | Path | None = None,
        private: bool = True,
    ) -> str:
        """Upload the files of `save` to a repository on the Hugging Face hub (extra `hub`).

        Args:
            repository: "owner/name"; it is created if necessary.
            data_name, license, scores, samples: as for `save`; data_name and license are required.
            private: whether a new repository is private. An existing one stays as it is.

        Returns:
            The address that `everymode.load` takes, with the new commit: "hub:owner/name@commit".
        Raises:
            ImportError: if huggingface_hub is not installed.
            ValueError: if the data's name or the license is missing, or the repository's name is impossible.
            OSError: if the upload fails.
        """
        options: dict[str, Any] = {"data_name": data_name, "license": license, "private": private}
        options["scores"] = None if scores is None else [_as_json(card) for card in scores]
        return hub.push(self, repository, picture=None if samples is None else Path(samples), **options)


def load(path: str | Path, *, recipe: Recipe | None = None, device: torch.device | str = "cpu") -> Generator:
    """Return a trained generator from a run, a checkpoint, a folder of `Generator.save`, or the Hugging Face hub.

    Names, shapes, sizes and the hashes in config.json are checked, and no file can name code. Runs, and folders of
    earlier versions, have no hashes in config.json; these are checked in all else.

    Args:
        path: a folder, or "hub:owner/name@revision" (extra `hub`) with a commit, tag or branch.
        recipe: the recipe that built it, for custom recipes (their code is never loaded from a file).
        device: device of the weights.

    Raises:
        FileNotFoundError: if there is no generator.
        ImportError: if the path is on the hub and huggingface_hub is not installed.
        ValueError: if a file is damaged or was written by a version with another format, if the recipe has custom
            classes and `recipe` is not set, or if there is no such device.
        OSError: if a download fails.
    """
    device = checked_device(device)
    origin = hub.download(str(path)) if hub.is_address(path) else None
    folder = find_generator(Path(path) if origin is None else origin.folder)
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"{folder} has weights but no config.json: copy the complete folder")
    config = read_config(folder / CONFIG)
    require_unchanged(config, folder)
    numbers = recipe_of(config, recipe, path)
    trusted, shared = bool(own_classes(config["recipe"])), VERSION in config
    sampled = built_for_sampling(numbers, folder, trusted=trusted, exact=shared)
    if origin is not None:
        config["hub"] = {"repository": origin.repository, "revision": origin.revision}
    classes = config.get("data", {}).get("classes", ())
    return Generator(sampled.network, sampled.labels, classes=classes, config=config).to(device)


def require_truncation(truncation: float) -> None:
    """Raise ValueError if the factor on z is negative, infinite or NaN."""
    if not 0 <= truncation < math.inf:
        raise ValueError(f"truncation is a factor on z: it must be finite and at least 0, not {truncation}")


def find_generator(path: Path) -> Path:
    """Return the folder that holds generator.safetensors: `path` itself, or a run's newest valid checkpoint.

    Raises:
        FileNotFoundError: if there is no generator.
    """
    if (path / WEIGHTS).is_file():
        return path
    if (path / "checkpoints").is_dir():
        return files.newest_of_run(path)
    nearest = None if path.exists() else nearest_run(path)
    raise FileNotFoundError(
        f"{path} {'holds no generator' if path.exists() else 'does not exist'}: give a run folder, one of its "
        "checkpoints, or a folder with generator.safetensors"
        + (f"; did you mean {nearest}?" if nearest else "")
    )


def _as_json(card: Any) -> dict[str, Any]:
    """Return a score card as JSON values."""
    return card.as_json() if hasattr(card, "as_json") else card


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
    # All conditions of one label source have the type of the first.
    return torch.cat(cast("list[Tensor]", conditions))
