"""Files of a shared folder, and the hashes by which a damaged one is recognized."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everymode.storage.hashing import sha256_of

__all__ = [
    "CARD",
    "CONFIG",
    "FORMAT",
    "HASHES",
    "LABELS",
    "PICTURE",
    "SUFFIXES",
    "VERSION",
    "WEIGHTS",
    "require_unchanged",
    "sealed",
]

WEIGHTS = "generator.safetensors"
"""File of the generator's weights."""
LABELS = "labels.safetensors"
"""File of what draws labels, if that is learned."""
CONFIG = "config.json"
"""File of the recipe, label names, scores and hashes."""
CARD = "README.md"
"""File of the model card, for readers."""
PICTURE = "samples.png"
"""File of the card's samples."""
SUFFIXES = (".safetensors", ".json", ".md", ".png")
"""Endings of files that travel to and from the hub."""
HASHES = "sha256"
"""Field of config.json: file name -> SHA-256. That of config.json covers its content without this field."""
VERSION = "folder_format"
"""Field of config.json with the format of a shared folder. Runs, and folders that were written before there were
hashes, have no such field."""
FORMAT = 1
"""Format of the folders that this version writes."""
_LENGTH = 64


def sealed(config: dict[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """Return a shared config with the hashes of the files beside it and of itself.

    Args:
        config: the shared config.
        files: file name -> path of its content.
    """
    content = {name: value for name, value in config.items() if name != HASHES}
    content[VERSION] = FORMAT
    return content | {
        HASHES: {name: sha256_of(path) for name, path in files.items()} | {CONFIG: _hash_of_content(content)}
    }


def require_unchanged(config: dict[str, Any], folder: Path) -> None:
    """Check the files that loading reads against the hashes in config.json.

    Configs with neither hashes nor a format of the folder (runs, checkpoints, and folders of earlier versions) are not
    checked here: the manifest of a checkpoint has its own hashes. The card and the picture may be edited.

    Args:
        config: content of config.json, as read.
        folder: its folder.

    Raises:
        ValueError: if a hash is missing or differs, if a file is missing, or if there is one without a hash; or if
            another version of everymode wrote the folder in another format.
    """
    hashes = config.get(HASHES)
    if hashes is None and VERSION not in config:
        return
    again = "copy or download the folder again"
    known = hashes if isinstance(hashes, dict) else {}
    for name in (CONFIG, WEIGHTS):
        if not (isinstance(known.get(name), str) and len(known[name]) == _LENGTH):
            raise ValueError(f"{folder / CONFIG} lacks the SHA-256 of {name}: {again}")
    content = {name: value for name, value in config.items() if name != HASHES}
    if _hash_of_content(content) != known[CONFIG]:
        raise ValueError(
            f"{folder / CONFIG} is not the file that was written (its content has another SHA-256): {again}"
        )
    if config.get(VERSION) != FORMAT:
        raise ValueError(
            f"{folder / CONFIG} has the folder format {config.get(VERSION)}, and this version of everymode reads "
            f"{FORMAT}: load it with everymode {config.get('everymode', 'of another version')}"
        )
    if LABELS not in known and (folder / LABELS).exists():
        raise ValueError(f"{folder / LABELS} does not belong to the config.json beside it: {again}")
    for name in (WEIGHTS, LABELS):
        if name not in known:
            continue
        if not (folder / name).is_file():
            raise ValueError(f"{folder} lacks the file {name}: {again}")
        if sha256_of(folder / name) != known[name]:
            raise ValueError(
                f"{folder / name} is not the file that was written (its SHA-256 differs from that in {CONFIG}): {again}"
            )


def _hash_of_content(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
