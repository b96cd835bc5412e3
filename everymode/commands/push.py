"""`everymode push`: upload a trained generator to the Hugging Face hub."""

from __future__ import annotations

from everymode.commands import sample_flags
from everymode.commands import share_flags as flags
from everymode.commands.ending import Exit, say


def push(
    source: sample_flags.Source,
    repository: flags.Repository,
    /,
    *,
    data_name: flags.DataName = None,
    license_: flags.License = None,
    samples: flags.Samples = None,
    public: flags.Public = False,
    yes: flags.Yes = False,
    recipe: sample_flags.CustomRecipe = None,
) -> Exit:
    """Upload a trained generator to the Hugging Face hub (extra hub; log in with `hf auth login`).

    The files are those of `everymode export`. They are listed, and uploaded after you have confirmed. New repositories
    are private unless --public is set.
    """
    from everymode.commands.sharing import confirmed, push_folder

    address = push_folder(
        source,
        repository,
        recipe,
        data_name=data_name,
        license=license_,
        samples=samples,
        private=not public,
        confirm=lambda files: confirmed(files, repository, private=not public, yes=yes),
    )
    if not address:
        say("nothing was uploaded")
        return Exit.FAILED
    say(f'load it with everymode.load("{address}")')
    return Exit.DONE
