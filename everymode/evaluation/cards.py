"""Contents of a score card besides its metrics: protocol, subject, environment, and time and memory used."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from everymode.evaluation.reference import Reference
from everymode.evaluation.sampling import Sampling
from everymode.evaluation.statistics import RESERVOIR_SEED, Images
from everymode.version import __version__

UNKNOWN = "not known"
"""Sampling settings of images on disk."""

UNSAID = "not named"
"""Split of a dataset whose name contains none."""

__all__ = [
    "environment",
    "peak_memory",
    "protocol_of",
    "protocol_without_features",
    "split_in",
    "subject_of",
    "times_of",
]


def environment(device: torch.device) -> dict[str, Any]:
    """Return the device, versions and number of threads, which change only the last digits of a number."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": f"{device.type} {kind}".strip(),
        "threads": torch.get_num_threads(),
        "everymode": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def peak_memory() -> int | None:
    """Return the peak memory of this process in MiB; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(used / (2**20 if sys.platform == "darwin" else 2**10))


def protocol_of(fake: Images, reference: Reference) -> dict[str, Any]:
    """Return everything that could change a number, except the seeds and the subject."""
    return {
        **protocol_without_features(fake, reference.images),
        "extractor": {**reference.extractor.facts(), "layer": reference.layer},
        "max_features": reference.max_features,
        "reservoir_seed": RESERVOIR_SEED,
    }


def protocol_without_features(fake: Images, real: Images) -> dict[str, Any]:
    """Return the protocol of metrics that need no extractor."""
    facts = fake.facts
    unknown = UNKNOWN if facts["kind"] == "data" else None
    sampled = {name: facts.get(name, unknown) for name in (*asdict(Sampling()), "ema") if name != "seed"}
    return {
        "real": {name: value for name, value in real.facts.items() if name != "kind"},
        "extractor": None,
        "quantization": "rounded and clamped to 8 bits",
        "fake_images": fake.count,
        "sampling": sampled,
    }


def subject_of(fake: Images, source: str | None, real: Images, real_source: str | None) -> dict[str, Any]:
    """Return the description of what is evaluated. Cards with equal "identity" are repetitions with other "seeds"."""
    facts = {**fake.facts, **fake.found()}
    seeds = {
        "sampling": facts.pop("seed", facts.pop("choice_seed", None)),
        "training": facts.pop("training_seed", None),
    }
    if facts["kind"] == "data":
        identity = {"fingerprint": facts["fingerprint"]}
    elif facts["recipe"] is None:
        identity = {"weights": facts["weights"]}
    else:
        identity = {name: facts[name] for name in ("recipe", "data", "step")}
    label = fake.name if facts.get("step") is None else f"{fake.name} step {facts['step']}"
    return {
        "label": label,
        "source": source,
        "real": real.name,
        "real_source": real_source,
        "real_split": split_in(real_source or real.name),
        "identity": identity,
        "seeds": seeds,
        "facts": facts,
    }


def split_in(name: str) -> str:
    """Return the split that a dataset's name or path contains: "train", "test", "val", "held-out", or UNSAID.

    The path is searched from its end, so imagenet/val/part1 is "val". The result is for readers of the card only: the
    fingerprint identifies the images.
    """
    spelled = {"training": "train", "validation": "val", "valid": "val", "heldout": "held-out"}
    words = re.split(r"[^a-z]+", name.lower().replace("held-out", "heldout").replace("held_out", "heldout"))
    for word in reversed(words):
        if spelled.get(word, word) in ("train", "test", "val", "held-out"):
            return spelled.get(word, word)
    return UNSAID


def times_of(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the date, seconds and peak memory, which differ between two otherwise equal evaluations."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_mib": peak_memory(),
    }
