"""What is kept between runs: the folder, and trained classifiers in it, each whole or not there at all."""

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
    """`cache_dir`, else $EVERYMODE_CACHE, else ~/.cache/everymode; it need not exist."""
    return Path(cache_dir or os.environ.get("EVERYMODE_CACHE") or "~/.cache/everymode").expanduser()


def cached_classifier(name: str, key: str, cache_dir: str | Path | None = None) -> CachedClassifier:
    """Where the classifier of this key is kept; the name is there for people."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40] or "classifier"
    return CachedClassifier(name, cached_folder(cache_dir) / "classifiers" / f"{readable}-{key}")


class CachedClassifier(NamedTuple):
    """A folder with a record (JSON, with `weights_hash`) and weights (safetensors), written atomically."""

    name: str
    place: Path

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Record and weights; None where nothing is kept, or what is kept is damaged (with a warning)."""
        if not self.place.exists():
            return None
        try:
            record = json.loads((self.place / RECORD).read_text("utf-8"))
            tensors = load_file(self.place / WEIGHTS)
            if tensors_hash(tensors) != record["weights_hash"]:
                raise ValueError("the weights are not those of the record")
            for wanted in ("settings", "held_out_accuracy", "held_out_count"):
                record[wanted]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            warnings.warn(
                f"the kept classifier {self.place} is damaged ({type(error).__name__}: {error}); "
                f"{self.name} is trained again",
                stacklevel=3,
            )
            return None
        return record, tensors

    def write(self, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep a classifier; where the folder can't be written, warn and go on."""
        try:
            # what is there now was found damaged, or was written meanwhile by another process, with the same weights
            with atomic_folder(self.place, shared=True) as beside:
                save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside / WEIGHTS)
                (beside / RECORD).write_text(json.dumps(record, indent=1), "utf-8")
        except (OSError, SafetensorError) as error:
            warnings.warn(
                f"the classifier of {self.name} can't be kept in {self.place.parent} ({error}) and is trained again "
                f"next time; set EVERYMODE_CACHE to a folder that can be written",
                stacklevel=3,
            )
