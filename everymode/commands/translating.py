"""Images that `everymode translate` makes, file by file: from label maps, or with other attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from everymode.commands.ending import say

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

Read = TypeVar("Read")
Results = Iterator[tuple[Path, "Image"]]
"""Files, each with its result."""


class FromMaps:
    """Images from label maps, of the training resolution; maps of other shapes are fitted as in training.

    Args:
        generator: a generator of label maps.
        recipe: its recipe.
        root: file or folder of the label maps.
        instances: file or folder of instance maps of the same names; None if the generator takes no edges.
        seeds: seed of each file's latent code, used if the generator has any.

    Raises:
        ValueError: if the generator takes edges and there are no instance maps, or the other way round.
    """

    def __init__(
        self, generator: Generator, recipe: Recipe, root: Path, instances: Path | None, seeds: dict[Path, int]
    ) -> None:
        takes_edges = bool(getattr(recipe.labels, "map_edges", False))
        if takes_edges and instances is None:
            raise ValueError(
                "this generator takes the edges of instances: name the instance maps with --instances"
            )
        if not takes_edges and instances is not None:
            raise ValueError("this generator was trained without instance maps: omit --instances")
        self.generator, self.recipe, self.seeds = generator, recipe, seeds
        self.root = root.expanduser()
        self.instances = None if instances is None else instances.expanduser()

    def results(self, paths: Sequence[Path]) -> Results:
        """Yield the files that can be read, each with its image."""
        import torch

        from everymode.pictures import to_pil

        items = [(path, item) for path in paths if (item := read_or_report(path, self._read)) is not None]
        if not items:
            return
        maps = torch.stack([map_ for _, (map_, _) in items])
        condition: Any = maps
        if self.instances is not None:
            condition = (maps, torch.stack([edges for _, (_, edges) in items if edges is not None]))
        images = self.generator.translate(
            condition, seed=[self.seeds[path] for path, _ in items], batch_size=len(items)
        )
        for (path, _), image in zip(items, images, strict=True):
            yield path, to_pil(image)

    def _read(self, path: Path) -> tuple[Tensor, Tensor | None]:
        import torch

        from everymode.condition import VOID
        from everymode.data.label_maps import edges_of, placed_nearest, placement, read_instances, read_map
        from everymode.data.picture_files import opened_picture

        with opened_picture(path) as image:
            values = read_map(image, str(path))
        known = getattr(self.recipe.labels, "map_classes", None) or VOID
        if ((values >= known) & (values != VOID)).any():
            raise ValueError(
                f"its class {values[values != VOID].max()} is unknown: the generator was trained on the classes 0 to "
                f"{known - 1}, and {VOID} (no class)"
            )
        where = placement((values.shape[0], values.shape[1]), self.recipe.size, self.recipe.fit)
        map_ = torch.from_numpy(placed_nearest(values, where)).long()
        if self.instances is None:
            return map_, None
        file = self.instances
        if file.is_dir():
            file = file / (Path(path.name) if path == self.root else path.relative_to(self.root))
        with opened_picture(file) as image:
            instances = placed_nearest(read_instances(image), where)
        return map_, torch.from_numpy(edges_of(instances)).float()


class WithAttributes:
    """Pictures with other attributes, of the training resolution; without values, sheets of all single changes.

    Args:
        generator: a generator of attributes.
        recipe: its recipe.
        wanted: values to set, such as "color=red" or "red".
        own: values that the pictures have.

    Raises:
        ValueError: if there is no such attribute or value.
    """

    def __init__(
        self, generator: Generator, recipe: Recipe, wanted: Sequence[str], own: Sequence[str]
    ) -> None:
        self.generator, self.recipe = generator, recipe
        data = generator.config.get("data", {})
        values = data.get("label_blocks") or [data.get("classes", [])]
        self.values: list[list[str]] = [[str(value) for value in block] for block in values]
        names = data.get("block_names") or []
        self.names = [str(name) for name in names] if len(names) == len(self.values) else []
        self.wanted = dict(self._chosen(text) for text in _split(wanted))
        self.own = dict(self._chosen(text) for text in _split(own))
        names = self.names or [str(number) for number in range(1, len(self.values) + 1)]
        unknown = [name for block, name in enumerate(names) if block not in self.wanted | self.own]
        if self.wanted and unknown:
            say(
                f"the pictures' {' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown and may change: "
                "name what they have with --own"
            )

    def results(self, paths: Sequence[Path]) -> Results:
        """Yield the files that can be read, each with its result."""
        import torch

        from everymode.labels.targets import changed_one_at_a_time, exclusive_blocks
        from everymode.pictures import grid, to_pil

        items = [(path, item) for path in paths if (item := read_or_report(path, self._read)) is not None]
        if not items:
            return
        pictures = torch.stack([picture for _, picture in items])
        labels = torch.tensor([self.own.get(block, -1) for block in range(len(self.values))])
        if self.wanted:
            for block, value in self.wanted.items():
                labels[block] = value
            targets = labels.expand(1, len(items), -1)
        else:
            sizes = [len(block) for block in self.values]
            exclusive = exclusive_blocks(self.names, sizes)
            targets = changed_one_at_a_time(labels.expand(len(items), -1), sizes, exclusive=exclusive)
        made = torch.stack(
            [self.generator.translate((pictures, each), batch_size=len(items)) for each in targets], 1
        )
        for (path, picture), images in zip(items, made, strict=True):
            if self.wanted:
                yield path, to_pil(images[0])
            else:
                yield path, grid(torch.cat((picture[None], images)), columns=1 + len(images))

    def _read(self, path: Path) -> Tensor:
        import torch

        from everymode.data.decode import Decoding, decoded
        from everymode.data.picture_files import opened_picture

        recipe = self.recipe
        decoding = Decoding(recipe.size, recipe.channels, recipe.fit, (255, 255, 255))
        with opened_picture(path) as image:
            pixels, _ = decoded(image, decoding)
        return torch.tensor(pixels).float() / 127.5 - 1

    def _chosen(self, text: str) -> tuple[int, int]:
        """Return block and value of text such as "color=red", "2=red" (second label) or "red"."""
        name, equals, value = text.rpartition("=")
        blocks = range(len(self.values))
        if equals and name in self.names:
            blocks = [self.names.index(name)]
        elif equals and name.isdigit() and 1 <= int(name) <= len(self.values):
            blocks = [int(name) - 1]
        elif equals:
            raise ValueError(f"there is no attribute {name!r}: {self._choices()}")
        fitting = [
            (block, self.values[block].index(value)) for block in blocks if value in self.values[block]
        ]
        if len(fitting) != 1:
            problem = "is a value of several attributes" if fitting else "is no value"
            raise ValueError(f"{value!r} {problem}: {self._choices()}")
        return fitting[0]

    def _choices(self) -> str:
        names = self.names or [str(number) for number in range(1, len(self.values) + 1)]
        each = [f"{name}={'|'.join(values)}" for name, values in zip(names, self.values, strict=True)]
        return f"choose from {', '.join(each)}"


def read_or_report(path: Path, read: Callable[[Path], Read]) -> Read | None:
    """Return what `read` returns for a file, or None after printing why it can't be read."""
    try:
        return read(path)
    except (OSError, ValueError, SyntaxError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        reason = reason.removeprefix(f"{path}: ")
        if reason.startswith(f"{path} "):
            reason = "it" + reason.removeprefix(str(path))
        say(f"{path} is left out: {reason}")
        return None


def _split(texts: Sequence[str]) -> list[str]:
    return [piece.strip() for text in texts for piece in text.split(",") if piece.strip()]
