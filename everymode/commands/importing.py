"""`everymode import`: the generator of another project as a folder that every command reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everymode.commands import import_flags as flags
from everymode.commands.ending import say

if TYPE_CHECKING:
    from everymode.recipes.parts.imported_networks import ImportedBigGAN
    from everymode.sampling.generator import Generator


def import_command(
    release: flags.Release,
    file: flags.File,
    /,
    *,
    out: flags.Out,
    license: flags.License,
    source: flags.Source,
    data_name: flags.DataName = None,
    norm_epsilon: flags.NormEpsilon = None,
    resolution: flags.Resolution = None,
    standing_statistics: flags.StandingStatistics = None,
    tables: flags.Tables = None,
) -> None:
    """Import a BigGAN generator from the weights of another project, for sampling.

    The layout is read from the names and shapes of the tensors. Nothing in the file is executed. The folder can be
    sampled, evaluated and exported as that of a run.
    """
    from everymode.exchange.importing import import_weights

    folder = out.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"--out {out} exists and is not an empty folder: name a new folder")
    generator = import_weights(
        release,
        file.expanduser(),
        license=license,
        source=source,
        norm_epsilon=norm_epsilon,
        resolution=resolution,
        standing_statistics=standing_statistics,
        tables=tables,
    )
    generator.save(folder, data_name=data_name)
    say(_summary(generator))
    say(f"license {license}, from {source}")
    say(f"{folder}: draw images with `everymode sample {folder}`")


def _summary(generator: Generator) -> str:
    """Return what was read from the file in one line."""
    from everymode.sampling.record import recipe_of

    recipe = recipe_of(generator.config)
    part: ImportedBigGAN = recipe.networks  # pyright: ignore[reportAssignmentType]  import_weights sets it
    height, width = recipe.size
    parts = [
        f"{height}x{width} pixels",
        f"channels {', '.join(str(each) for each in part.widths)}",
        f"{recipe.num_classes} classes" if recipe.num_classes else "no classes",
        f"z of {part.latent_dim}{', a chunk per block' if part.hierarchical else ''}",
    ]
    parts += [f"shared embedding of {part.shared_dim}"] if part.shared_dim else []
    parts += [f"attention at {', '.join(str(each) for each in part.attention_sizes)}"] * bool(
        part.attention_sizes
    )
    return f"{generator.config['imported']['release']}: {'; '.join(parts)}; epsilon {part.norm_epsilon:g}"
