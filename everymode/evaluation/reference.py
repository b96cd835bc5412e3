"""The real side of evaluations, computed once and cached on disk under a key of everything that could change it."""

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
from everymode.machine.device import checked_device
from everymode.storage.atomic import atomic_file

__all__ = ["Reference", "ingredients_of", "key_of", "reference_for"]

FORMAT_VERSION = 1
TENSORS = ("mean", "covariance", "features", "rows", "labels")


@dataclass(frozen=True)
class Reference:
    """The real side of evaluations: images, extractor and statistics.

    Attributes:
        images: the real images.
        extractor, layer: extractor and layer of the features.
        statistics: statistics of the real images.
        max_features: number of features that are stored for each side.
        was_kept: whether the statistics were read from the cache.
        seconds: time that computing or reading them took.
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
    """Return the reference of real images, read from the cache, or computed and cached.

    A damaged file is computed again, with a warning. If the cache folder can't be written, a warning says so and the
    reference is not cached.

    Args:
        images, extractor, layer, max_features, device, progress: as in `collect`.
        cache_dir: cache folder. Default: $EVERYMODE_CACHE or ~/.cache/everymode.
    """
    begin = time.perf_counter()
    layer = layer or extractor.default_layer
    ingredients = ingredients_of(images, extractor, layer, max_features, checked_device(device))
    path = _path(images.name, extractor, ingredients, cache_dir)
    statistics = _read(path, ingredients)
    was_cached = statistics is not None
    if statistics is None:
        statistics = collect(
            images, extractor, layer=layer, max_features=max_features, device=device, progress=progress
        )
        _write(path, ingredients, statistics)
    seconds = time.perf_counter() - begin
    return Reference(images, extractor, layer, statistics, max_features, was_cached, seconds)


def ingredients_of(
    images: Images, extractor: Extractor, layer: str, max_features: int, device: torch.device
) -> dict[str, Any]:
    """Return everything that could change the statistics, as JSON values."""
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
    """Return the SHA-256 hash of the ingredients, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _path(
    name: str, extractor: Extractor, ingredients: Mapping[str, Any], cache_dir: str | Path | None
) -> Path:
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", f"{Path(name).name}-{extractor.name}").strip("-.")[:60]
    folder = cached_folder(cache_dir) / "references"
    return folder / f"{readable}-{key_of(ingredients)[:32]}.safetensors"


def _read(path: Path, ingredients: Mapping[str, Any]) -> Statistics | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            record = json.loads((file.metadata() or {})["record"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if record["ingredients"] != ingredients:
            raise ValueError("it was made from other ingredients")
        if tensors_hash(tensors) != record["hash"]:
            raise ValueError("its tensors don't match their hash")
        return Statistics(
            count=int(record["count"]),
            **{name: tensors[name] for name in TENSORS},
            logits=tensors.get("logits"),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        warnings.warn(
            f"the cached reference {path} is damaged ({type(error).__name__}: {error}); it is computed again",
            stacklevel=3,
        )
        return None


def _write(path: Path, ingredients: Mapping[str, Any], statistics: Statistics) -> None:
    tensors = {name: getattr(statistics, name).contiguous() for name in TENSORS}
    if statistics.logits is not None:
        tensors["logits"] = statistics.logits.contiguous()
    record = {"ingredients": ingredients, "hash": tensors_hash(tensors), "count": statistics.count}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path, shared=True) as temporary:
            save_file(tensors, temporary, metadata={"record": json.dumps(record, sort_keys=True)})
    except (OSError, SafetensorError) as error:
        warnings.warn(
            f"the reference can't be cached in {path.parent} ({error}) and is computed again next time; "
            "set EVERYMODE_CACHE to a writable folder",
            stacklevel=3,
        )
