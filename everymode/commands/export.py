"""`everymode export`: a trained generator as a folder to share, an ONNX file, or a program of torch.export."""

from __future__ import annotations

from everymode.commands import sample_flags
from everymode.commands import share_flags as flags
from everymode.commands.ending import say


def export_command(
    source: sample_flags.Source,
    /,
    *,
    out: flags.Out,
    to: flags.Form = "folder",
    data_name: flags.DataName = None,
    license_: flags.License = None,
    samples: flags.Samples = None,
    recipe: sample_flags.CustomRecipe = None,
) -> None:
    """Write a trained generator in a form to share.

    A folder holds weights, a config without paths or commands, a model card with the run's newest scores, and samples.
    """
    from everymode.commands.sharing import export_file, export_folder

    if to == "folder":
        files = export_folder(source, out, recipe, data_name=data_name, license=license_, samples=samples)
    else:
        unused = {"--data-name": data_name, "--license": license_, "--samples": samples}
        if given := [flag for flag, value in unused.items() if value is not None]:
            raise ValueError(
                f"{', '.join(given)}: only --to folder has a model card; omit this, or use --to folder"
            )
        files = [export_file(source, out, recipe, to)]
    for line in files:
        say(line)
