"""What a user may name as a side of an evaluation, and the nearest names where it isn't there."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from everymode.data.builtin import BUILTIN, parse_name
from everymode.data.errors import MissingDataError
from everymode.data.opening import STACKED

__all__ = ["require_there"]


def require_there(named: str | Path) -> None:
    """Raise FileNotFoundError, with the nearest names, for what is neither a path nor a built-in data set."""
    text = str(named)
    path = Path(named).expanduser()
    if path.exists() or text.startswith(STACKED) or (isinstance(named, str) and parse_name(text) is not None):
        return
    near = _nearest(path)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    allowed = (
        "Name a run, a checkpoint, a saved generator, a file or folder of images, or a built-in data set: "
        f"{', '.join(sorted(BUILTIN))}, stacked:PATH."
    )
    if re.search(r"[/\\.~]", text):
        raise MissingDataError(f"there is no file or folder {text}. {allowed}{hint}")
    raise MissingDataError(
        f'"{text}" is neither a file or folder here ({Path.cwd()}) nor a built-in data set. {allowed}{hint}'
    )


def _nearest(path: Path) -> list[str]:
    """Up to three names like the path: built-in data sets, what lies beside the path, and runs."""
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
