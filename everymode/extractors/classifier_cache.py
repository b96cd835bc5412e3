"""Cache of trained classifiers ($EVERYMODE_CACHE). Entries are written atomically."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from everymode.extractors.hashing import tensors_hash
from everymode.storage.atomic import atomic_folder

__all__ = ["CachedClassifier", "cached_classifier", "cached_folder"]

RECORD, WEIGHTS = "classifier.json", "weights.safetensors"


def cached_folder(cache_dir: str | Path | None = None) -> Path:
    """Return the cache folder, which may not exist: `cache_dir`, else $EVERYMODE_CACHE, else ~/.cache/everymode."""
    return Path(cache_dir or os.environ.get("EVERYMODE_CACHE") or "~/.cache/everymode").expanduser()


def cached_classifier(name: str, key: str, cache_dir: str | Path | None = None) -> CachedClassifier:
    """Return the cache entry of the classifier with this key; `name` makes the folder's name readable."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40] or "classifier"
    return CachedClassifier(name, cached_folder(cache_dir) / "classifiers" / f"{readable}-{key}")


class CachedClassifier(NamedTuple):
    """A cache folder with a record (JSON, with `weights_hash`) and weights (safetensors), written atomically."""

    name: str
    path: Path

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Return the record and the weights; None if there is no entry, or with a warning if it is damaged."""
        if not self.path.exists():
            return None
        try:
            record = json.loads((self.path / RECORD).read_text("utf-8"))
            tensors = load_file(self.path / WEIGHTS)
            if tensors_hash(tensors) != record["weights_hash"]:
                raise ValueError("the weights don't match the hash in the record")
            for required in ("settings", "held_out_accuracy", "held_out_count"):
                record[required]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            warnings.warn(
                f"the cached classifier {self.path} is damaged ({type(error).__name__}: {error}); "
                f"{self.name} is trained again",
                stacklevel=3,
            )
            return None
        return record, tensors

    def write(self, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write a classifier to the cache; warn if the folder can't be written."""
        try:
            # An existing entry is damaged, or another process has just written it with the same weights.
            with atomic_folder(self.path, shared=True) as temporary:
                save_file(
                    {name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / WEIGHTS
                )
                (temporary / RECORD).write_text(json.dumps(record, indent=1), "utf-8")
        except (OSError, SafetensorError) as error:
            warnings.warn(
                f"the classifier of {self.name} can't be cached in {self.path.parent} ({error}) and is trained again "
                f"next time; set EVERYMODE_CACHE to a writable folder",
                stacklevel=3,
            )
