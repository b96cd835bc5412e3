"""`everymode upscale`: enlarge pictures of any size with a generator of super-resolution."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands import sample_flags as flags
from everymode.commands.ending import say
from everymode.commands.numbers import whole_number
from everymode.commands.picture_inputs import (
    loaded,
    picture_paths,
    read_picture,
    recipe_of_generator,
    result_paths,
    save_result,
)
from everymode.commands.translating import read_or_report
from everymode.commands.waiting import with_progress

if TYPE_CHECKING:
    from torch import Tensor, nn

TILE = 192
"""Default side of a tile, in pixels of the small picture."""
OVERLAP = 32
"""Default overlap of tiles, for generators without a known receptive field."""


def upscale(
    source: flags.Source,
    pictures: Annotated[Path, Parameter(name="PATH", help="Picture, or folder of pictures, to enlarge.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder in which the enlarged pictures are written as PNG.")],
    tile: Annotated[
        int,
        Parameter(
            help="Largest side, in pixels of the small picture, that passes through the network at once; it bounds the "
            "memory.",
            converter=whole_number,
        ),
    ] = TILE,
    overlap: Annotated[
        int | None,
        Parameter(
            help="Pixels of the small picture by which tiles overlap (default: the network's receptive radius, with "
            f"which tiles don't change the result; if it is larger than a tile allows, {OVERLAP} or a quarter of a "
            "smaller tile).",
            converter=whole_number,
        ),
    ] = None,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Enlarge pictures of any size with a generator of super-resolution, tile by tile.

    The results are named like the pictures. Pictures that can't be read are reported, and the others are enlarged.
    """
    from everymode.pictures import to_pil
    from everymode.sampling.tiling import enlarged

    generator = loaded(source, recipe, device, kinds=("pictures",), command="upscale")
    own_recipe = recipe_of_generator(generator, recipe)
    networks, channels = own_recipe.networks, own_recipe.channels
    assert networks is not None
    network, scale = generator.network, networks.magnification
    field = getattr(network, "receptive_radius", None)
    exact = isinstance(field, int) and 2 * field < tile
    margin = overlap if overlap is not None else field if exact else min(OVERLAP, tile // 4)
    assert isinstance(margin, int)
    files = picture_paths(pictures, out)
    targets = result_paths(files, pictures, out)
    compared, done = None, 0
    for path, picture in with_progress(_read(files, channels), len(files), lambda piece: 1):
        if picture is None:
            continue
        tiled = max(picture.shape[1:]) > tile
        if tiled and compared is None and not (isinstance(field, int) and margin >= field):
            compared = seam_difference(network, picture, scale=scale, tile=tile, overlap=margin)
            say(
                f"tiles change the result: with twice the overlap, pixels at one seam of {path.name} differ by up to "
                f"{compared * 127.5:.2f} of 255 levels (overlap {margin})"
            )
        result = to_pil(enlarged(network, picture, scale=scale, tile=tile, overlap=margin))
        save_result(result, targets[path])
        say(f"{targets[path]} ({result.width}x{result.height})")
        done += 1
    if not done:
        raise ValueError(f"none of the {len(files)} files of {pictures} could be enlarged")


def seam_difference(network: nn.Module, picture: Tensor, *, scale: int, tile: int, overlap: int) -> float:
    """Return the largest difference, in [-1, 1], that a larger overlap makes in the columns beside the first seam."""
    from everymode.sampling.tiling import enlarged

    height, width = picture.shape[1:]
    if width < height:
        picture = picture.transpose(1, 2)
        height, width = width, height
    seam = tile - 2 * overlap
    strip = picture[:, : min(height, tile), : min(width, seam + 4 * overlap + 2)]
    tiled = enlarged(network, strip, scale=scale, tile=tile, overlap=overlap)
    together = enlarged(network, strip, scale=scale, tile=max(strip.shape[1:]), overlap=0)
    near = slice(scale * max(seam - 2, 0), scale * (seam + 2))
    return float((tiled - together)[:, :, near].abs().max())


def _read(files: list[Path], channels: int) -> Iterator[tuple[Path, Tensor | None]]:
    """Yield each file with its picture [channels, h, w] in [-1, 1], or None if it can't be read."""
    for path in files:
        yield path, read_or_report(path, partial(read_picture, channels=channels))
