"""`everymode explore`: pages on this machine that show what runs have learned."""

from __future__ import annotations

from pathlib import Path

from everymode.commands import explore_flags as flags
from everymode.recipes import find


def explore(
    runs: flags.Runs,
    /,
    *,
    data: flags.Data = None,
    port: flags.Port = 8000,
    host: flags.Host = "127.0.0.1",
    allow_host: flags.AllowHost = None,
    recipe: flags.CustomRecipes = None,
) -> None:
    """Show runs as web pages: samples, history, comparison, interpolation, sizes.

    Every view is its address, so it can be sent as a link. Ctrl-C ends the server. Beyond loopback (--host), a token
    is required, which is part of the printed address.
    """
    custom = [find(each) for each in recipe or ()]
    _require_existing(runs)
    from everymode.commands.exploring import serve

    serve(runs, data, port=port, host=host, allowed=allow_host or [], recipes=custom)


def _require_existing(runs: list[Path]) -> None:
    """Raise FileNotFoundError if none of the runs exists; single ones are listed on the page with the reason."""
    if not any(run.expanduser().exists() for run in runs):
        names = ", ".join(map(str, runs))
        raise FileNotFoundError(
            f"there is no {names}: name run folders, such as runs/00000-omni-gan-digits, or the folder that holds them"
        )
