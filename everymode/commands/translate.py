"""`everymode translate`: images from label maps, or pictures with other attributes, by a trained generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from everymode.commands import sample_flags as flags
from everymode.commands.ending import say
from everymode.commands.numbers import whole_number
from everymode.commands.picture_inputs import (
    batches,
    loaded,
    picture_paths,
    recipe_of_generator,
    result_paths,
    save_result,
)
from everymode.commands.translating import FromMaps, WithAttributes
from everymode.commands.waiting import with_progress

if TYPE_CHECKING:
    from everymode.recipe import Recipe
    from everymode.sampling.generator import Generator


def translate(
    source: flags.Source,
    pictures: Annotated[
        Path,
        Parameter(
            name="PATH",
            help="Label map (PNG of class numbers) or picture, or a folder of them, as the run needs.",
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder in which the images are written as PNG.")],
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            help="Attribute value that pictures are to have, such as color=red; several by repeating the flag or as "
            "a=b,c=d. Without it, one PNG per picture shows every value that can be changed.",
            negative="",
        ),
    ] = None,
    own: Annotated[
        list[str] | None,
        Parameter(
            name="--own",
            help="Attribute values that the pictures have, like --set, for those that --set doesn't change (default: "
            "unknown).",
            negative="",
        ),
    ] = None,
    instances: Annotated[
        Path | None,
        Parameter(
            help="Instance map, or folder of instance maps of the same names, for generators that take edges."
        ),
    ] = None,
    seed: Annotated[
        int,
        Parameter(
            help="Seed of the first file's latent code, for generators that have one; file i by name has seed + i.",
            converter=whole_number,
        ),
    ] = 0,
    batch_size: flags.BatchSize = 16,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Generate images from label maps, or change attributes of pictures.

    Results are named like the files. Files that can't be read are reported, and the others are translated.
    """
    generator = loaded(source, recipe, device, kinds=("maps", "attributes"), command="translate")
    files = picture_paths(pictures, out)
    targets = result_paths(files, pictures, out)
    seeds = dict(zip(files, range(seed, seed + len(files)), strict=True))
    work = _work(
        generator, recipe_of_generator(generator, recipe), pictures, set_ or [], own or [], instances, seeds
    )
    if not _save_all(work, targets, batch_size):
        raise ValueError(f"none of the {len(files)} files of {pictures} could be translated")


def _save_all(work: FromMaps | WithAttributes, targets: dict[Path, Path], batch_size: int) -> int:
    """Write the results of all files that can be read, print their paths, and return their number."""
    done = 0
    for paths in with_progress(batches(list(targets), batch_size), len(targets), len):
        for path, result in work.results(paths):
            save_result(result, targets[path])
            say(str(targets[path]))
            done += 1
    return done


def _work(
    generator: Generator,
    recipe: Recipe,
    pictures: Path,
    wanted: list[str],
    own: list[str],
    instances: Path | None,
    seeds: dict[Path, int],
) -> FromMaps | WithAttributes:
    assert recipe.networks is not None
    if recipe.networks.conditioned_on == "maps":
        if wanted or own:
            raise ValueError(
                "--set and --own are for generators of attributes: this one draws images from label maps"
            )
        return FromMaps(generator, recipe, pictures, instances, seeds)
    if instances is not None:
        raise ValueError(
            "--instances is for generators of label maps: this one changes attributes of pictures"
        )
    return WithAttributes(generator, recipe, wanted, own)
