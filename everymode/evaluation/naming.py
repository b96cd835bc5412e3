"""Check of the names of an evaluation's sides, with suggestions for names that don't exist."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from everymode.data.builtin import BUILTIN, parse_name
from everymode.data.errors import MissingDataError
from everymode.data.opening import COMPOSED
from everymode.storage.run_folder import nearest_run

__all__ = ["require_there"]


def require_there(named: str | Path) -> None:
    """Raise FileNotFoundError, with similar names, if a name is neither an existing path nor a built-in dataset."""
    text = str(named)
    path = Path(named).expanduser()
    if (
        path.exists()
        or text.startswith(COMPOSED)
        or (isinstance(named, str) and parse_name(text) is not None)
    ):
        return
    near = _nearest(path)
    run = nearest_run(path)
    if run is not None and str(run) not in near:
        near = [str(run), *near[:2]]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    allowed = (
        "Name a run, a checkpoint, a saved generator, a file or folder of images, or a built-in dataset: "
        f"{', '.join(sorted(BUILTIN))}, stacked:PATH, joined:PATH|PATH."
    )
    if re.search(r"[/\\.~]", text):
        raise MissingDataError(f"there is no file or folder {text}. {allowed}{hint}")
    raise MissingDataError(
        f'"{text}" is neither a file or folder here ({Path.cwd()}) nor a built-in dataset. {allowed}{hint}'
    )


def _nearest(path: Path) -> list[str]:
    """Return up to three names similar to the path: of built-in datasets, of files beside the path, and of runs."""
    near = [*BUILTIN] if path.parent == Path() else []
    for folder in (path.parent, Path("runs")):
        if folder.is_dir():
            near += [str(folder / each.name) for each in sorted(folder.iterdir()) if each.name[:1] != "."]
    near = list(dict.fromkeys(near))
    inside = [name for name in near if path.name and path.name in Path(name).name]
    if inside:
        return inside[:3]
    alike = {Path(name).name: name for name in near}
    close = difflib.get_close_matches(path.name.partition(":")[0], alike, n=3, cutoff=0.6)
    return [alike[name] for name in close]
