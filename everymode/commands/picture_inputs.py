"""Pictures that `translate` and `upscale` read, the generator that they load, and the names of their results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.storage.atomic import atomic_file

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from everymode.part import Conditioning
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator

_TAKES: dict[str, str] = {
    "labels": "draws samples from noise and labels: use `everymode sample`",
    "maps": "draws images from label maps: use `everymode translate`",
    "pictures": "enlarges pictures: use `everymode upscale`",
    "attributes": "changes attributes of pictures: use `everymode translate`",
}


def loaded(
    source: Path, recipe: str | None, device: str, *, kinds: tuple[Conditioning, ...], command: str
) -> Generator:
    """Load a generator that takes one of these kinds of condition.

    Raises:
        ValueError: if it takes another kind.
        FileNotFoundError: if there is no generator.
    """
    from everymode.commands.sample import load_generator

    generator = load_generator(source, recipe, device)
    networks = recipe_of_generator(generator, recipe).networks
    taken = "labels" if networks is None else networks.conditioned_on
    if taken not in kinds:
        raise ValueError(f"{source} can't {command}: this generator {_TAKES[taken]}")
    return generator


def recipe_of_generator(generator: Generator, recipe: str | None) -> Recipe:
    """Return the recipe of a generator.

    Args:
        recipe: the Python file that defines it, for a custom one.
    """
    from everymode.recipes import find
    from everymode.sampling.record import recipe_of

    return recipe_of(generator.config, None if recipe is None else find(recipe))


def picture_paths(path: Path, out: Path) -> list[Path]:
    """Return the image files at a path: the file itself, or those in a folder and its folders, by name.

    Results of an earlier command, in a folder `out` inside the folder, are omitted.

    Raises:
        FileNotFoundError: if there is no such path, or no image in the folder.
    """
    from everymode.data.formats import is_image_name

    path = path.expanduser()
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path} does not exist: name a picture or a folder of pictures")
    results = out.expanduser().resolve()
    omitted = results if results != path.resolve() else None
    files = sorted(
        each
        for each in path.rglob("*")
        if each.is_file() and is_image_name(each.name) and omitted not in each.resolve().parents
    )
    if not files:
        raise FileNotFoundError(f"{path} holds no pictures: name a picture or a folder of pictures")
    return files


def result_paths(files: list[Path], root: Path, out: Path) -> dict[Path, Path]:
    """Return the path of the result for each image file: in `out`, with the same folders and name, as .png.

    Raises:
        ValueError: if a result would replace one of the files, or that of another file.
    """
    root, out = root.expanduser(), out.expanduser()
    inputs = {path.resolve() for path in files}
    sources: dict[Path, Path] = {}
    for path in files:
        relative = Path(path.name) if path == root else path.relative_to(root)
        target = out / relative.with_suffix(".png")
        if target.resolve() in inputs:
            raise ValueError(f"the result of {path} would replace {target}: choose another --out")
        if target in sources:
            raise ValueError(f"{sources[target]} and {path} would have the same result {target}: rename one")
        sources[target] = path
    return {path: target for target, path in sources.items()}


def save_result(result: Image, target: Path) -> None:
    """Write a result as PNG, atomically, with the folders that it needs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as temporary:
        result.save(temporary, format="PNG")


def read_picture(path: Path, channels: int = 3) -> Tensor:
    """Return a picture [channels, H, W] in [-1, 1]: turned upright, on white where it is transparent.

    Raises:
        ValueError: if it has too many pixels.
        OSError: if it is damaged (Pillow may raise other errors, too).
    """
    import torch

    from everymode.data.decode import Decoding, decoded, read_header
    from everymode.data.picture_files import opened_picture

    with opened_picture(path) as image:
        header = read_header(image)
        pixels, _ = decoded(image, Decoding((header.height, header.width), channels, "crop", (255, 255, 255)))
    return torch.tensor(pixels).float() / 127.5 - 1  # a copy: a gray picture is a view that can't be written


def batches(files: list[Path], size: int) -> Iterator[list[Path]]:
    """Yield the files in lists of at most `size`."""
    for start in range(0, len(files), size):
        yield files[start : start + size]
