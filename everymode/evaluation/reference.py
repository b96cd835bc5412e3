"""The real side of evaluations, computed once: kept on disk under a key of everything that could change it."""

from __future__ import annotations

import hashlib
import json
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from everymode.evaluation.statistics import RESERVOIR_SEED, Images, Statistics, collect
from everymode.extractors.classifier_cache import cached_folder
from everymode.extractors.extraction import NETWORK_BATCH
from everymode.extractors.extractor import Extractor
from everymode.extractors.hashing import tensors_hash
from everymode.storage.atomic import atomic_file

__all__ = ["Reference", "ingredients_of", "key_of", "reference_for"]

FORMAT_VERSION = 1
TENSORS = ("mean", "covariance", "features", "rows", "labels")


@dataclass(frozen=True)
class Reference:
    """Real images, the extractor, and what it says of them.

    Attributes:
        images: the real side.
        extractor, layer: what the features are.
        statistics: of the real side.
        max_features: how many features of either side are kept.
        was_kept: whether the statistics came from disk.
        seconds: that it took to get them.
    """

    images: Images
    extractor: Extractor = field(repr=False)
    layer: str
    statistics: Statistics
    max_features: int
    was_kept: bool = False
    seconds: float = 0.0


def reference_for(
    images: Images,
    extractor: Extractor,
    *,
    layer: str | None = None,
    max_features: int = 10_000,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Reference:
    """The reference of these images: from disk where it was computed before, else computed and kept.

    A damaged file is computed again, with a warning; a folder that can't be written only costs the keeping.

    Args: as `collect`; cache_dir by default $EVERYMODE_CACHE or ~/.cache/everymode.
    """
    begin = time.perf_counter()
    chosen = layer or extractor.default_layer
    ingredients = ingredients_of(images, extractor, chosen, max_features, torch.device(device))
    place = _place(images.name, extractor, ingredients, cache_dir)
    found = _read(place, ingredients)
    was_kept = found is not None
    if found is None:
        found = collect(
            images, extractor, layer=chosen, max_features=max_features, device=device, progress=progress
        )
        _write(place, ingredients, found)
    seconds = time.perf_counter() - begin
    return Reference(images, extractor, chosen, found, max_features, was_kept, seconds)


def ingredients_of(
    images: Images, extractor: Extractor, layer: str, max_features: int, device: torch.device
) -> dict[str, Any]:
    """Everything that could change the statistics, as JSON values."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "version": FORMAT_VERSION,
        "images": dict(images.facts),
        "extractor": extractor.facts(),
        "layer": layer,
        "max_features": max_features,
        "reservoir_seed": RESERVOIR_SEED,
        "pass": NETWORK_BATCH,
        "device": kind,
        "torch": torch.__version__,
    }


def key_of(ingredients: Mapping[str, Any]) -> str:
    """SHA-256 of the ingredients, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _place(
    name: str, extractor: Extractor, ingredients: Mapping[str, Any], cache_dir: str | Path | None
) -> Path:
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", f"{Path(name).name}-{extractor.name}").strip("-.")[:60]
    folder = cached_folder(cache_dir) / "references"
    return folder / f"{readable}-{key_of(ingredients)[:32]}.safetensors"


def _read(place: Path, ingredients: Mapping[str, Any]) -> Statistics | None:
    if not place.is_file():
        return None
    try:
        with safe_open(place, "pt") as file:
            record = json.loads((file.metadata() or {})["record"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if record["ingredients"] != ingredients:
            raise ValueError("it was made of other ingredients")
        if tensors_hash(tensors) != record["hash"]:
            raise ValueError("its numbers are not those that were written")
        return Statistics(
            count=int(record["count"]),
            **{name: tensors[name] for name in TENSORS},
            logits=tensors.get("logits"),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        warnings.warn(
            f"the kept reference {place} is damaged ({type(error).__name__}: {error}); it is computed again",
            stacklevel=3,
        )
        return None


def _write(place: Path, ingredients: Mapping[str, Any], statistics: Statistics) -> None:
    tensors = {name: getattr(statistics, name).contiguous() for name in TENSORS}
    if statistics.logits is not None:
        tensors["logits"] = statistics.logits.contiguous()
    record = {"ingredients": ingredients, "hash": tensors_hash(tensors), "count": statistics.count}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(place, shared=True) as beside:
            save_file(tensors, beside, metadata={"record": json.dumps(record, sort_keys=True)})
    except (OSError, SafetensorError) as error:
        warnings.warn(
            f"the reference can't be kept in {place.parent} ({error}) and is computed again next time; "
            "set EVERYMODE_CACHE to a folder that can be written",
            stacklevel=3,
        )
