"""Small files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_text_whole(path: Path, text: str) -> None:
    """Replace a small file whole or not at all."""
    beside = path.with_name(f".{path.name}.writing")
    beside.write_text(text)
    sync(beside)
    beside.replace(path)


def sync(path: Path) -> None:
    """Have the disk keep what was written to a file, or a folder's list of names, before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
