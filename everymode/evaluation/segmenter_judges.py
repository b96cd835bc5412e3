"""Segmenters that score generated images whose label map is known: fitted to the training data, or from a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from everymode.data.dataset import Dataset
from everymode.data.rows import take_rows
from everymode.evaluation.reservoir import random_rows
from everymode.extractors.classifier_cache import cached_classifier
from everymode.extractors.extraction import image_batches
from everymode.extractors.hashing import tensors_hash
from everymode.extractors.segmenters import FittedSegmenter, fit_segmenter, segmenter_facts
from everymode.machine.python_files import run_python_file

__all__ = ["FITTED", "Segmenter", "SegmenterJudge", "find_segmenter", "fitted_segmenter"]

FITTED = "fitted"
MOST_PICTURES = 10_000
"""Largest number of training pictures to which a segmenter is fitted; of more, a fixed random subset."""

Segmenter = Callable[[Tensor], Tensor]
"""Function from images [B, C, H, W] in [-1, 1] to label maps, integers [B, H, W]."""


class SegmenterJudge(NamedTuple):
    """A segmenter with the facts that are reported with its scores.

    Attributes:
        segment: the function.
        name: short name, a part of the names of its metrics.
        digest: SHA-256 of its weights, or of the Python file that defines it; "" if it has neither.
        facts: further facts, as JSON values.
        labels: names of its labels 0, 1, ...; () if their number is unknown.
        none: label that is no object, such as the background; None if there is none.
    """

    segment: Segmenter
    name: str
    digest: str
    facts: dict[str, Any]
    labels: tuple[str, ...] = ()
    none: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of metrics that this segmenter computes."""
        return {"judge": self.name, "judge_hash": self.digest}


def find_segmenter(
    segmenter: str | Path | Segmenter,
    training: Callable[[], Dataset],
    num_classes: int | None,
    *,
    steps: int = 600,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SegmenterJudge:
    """Return a segmenter by name.

    Args:
        segmenter: "fitted" (a small network, fitted to the training pictures and their maps when it is first used, and
            cached), the path of a .safetensors file (weights of a `FittedSegmenter`), the path of a .py file that
            defines segment(images) (images [B, C, H, W] in [-1, 1] -> integers [B, H, W]), "file.py:attribute", or such
            a function. A Python file is run: name only files that you trust.
        training: opens the training pictures with their maps; called for "fitted" only.
        num_classes: number of classes of the maps; None = those of the training pictures' maps, or of the file.
        steps: optimizer steps of the fit.
        device: device of the fit.
        cache_dir: cache folder. Default: $EVERYMODE_CACHE or ~/.cache/everymode.
        progress: called with the number of finished steps and the total during the fit.

    Raises:
        ValueError: if the name is unknown, or the file holds no segmenter or one of other classes.
        FileNotFoundError: if there is no such file.
    """
    if not isinstance(segmenter, str | Path):
        facts = segmenter_facts(segmenter)
        return SegmenterJudge(segmenter, facts.name, facts.weights_hash, {})
    name = str(segmenter)
    if name == FITTED:
        data = training()
        if num_classes is None:
            num_classes = 0 if data.paired is None else data.paired.num_classes
        return fitted_segmenter(
            data, num_classes, steps=steps, device=device, cache_dir=cache_dir, progress=progress
        )
    path, _, attribute = name.rpartition(":") if ".py:" in name else (name, "", "segment")
    file = Path(path).expanduser()
    if file.suffix not in (".safetensors", ".py"):
        raise ValueError(
            f'there is no segmenter "{name}": choose fitted, a .safetensors file with the weights of a fitted '
            "segmenter, or a .py file with a function segment(images) -> label maps"
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"there is no file {file} ({file.absolute()}) to load a segmenter from; check the path"
        )
    if file.suffix == ".py":
        return _custom(file, attribute)
    network = loaded_segmenter(file)
    if num_classes is not None and network.num_classes != num_classes:
        raise ValueError(
            f"{file} segments {network.num_classes} classes, and the label maps have {num_classes}: choose a segmenter "
            "of these classes"
        )
    names = tuple(f"label {label}" for label in range(network.num_classes))
    return SegmenterJudge(network, file.stem, network.weights_hash, {}, names)


def fitted_segmenter(
    data: Dataset,
    num_classes: int,
    *,
    steps: int = 600,
    seed: int = 0,
    device: torch.device | str = "cpu",
    cache_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SegmenterJudge:
    """Return a segmenter fitted to images and their label maps, or load it if the same fit is cached.

    Args:
        data: images with maps; of more than 10,000, a fixed random subset is used.
        num_classes: number of classes of the maps.
        steps, device, cache_dir, progress: as for `find_segmenter`.
        seed: seed of the fit.

    Raises:
        ValueError: if the data have no label maps.
    """
    if data.paired is None or data.paired.maps is None:
        raise ValueError(
            f"{data.name} has no label maps, to which a segmenter could be fitted: name one with --segmenter FILE"
        )
    kind = torch.device(device).type
    facts = {
        "version": 1,
        "fingerprint": data.fingerprint,
        "pictures": min(len(data), MOST_PICTURES),
        "num_classes": num_classes,
        "channels": data.image_shape[0],
        "steps": steps,
        "seed": seed,
        "device": kind,
    }
    key = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()
    cache = cached_classifier(f"segmenter-{Path(data.name).name}", key, cache_dir)
    cached = cache.read()
    if cached is not None:
        record, network = cached[0], _network(cached[1])
    else:
        network = fit_segmenter(
            *_pictures_and_maps(data), num_classes, steps=steps, seed=seed, device=device, progress=progress
        )
        record = {
            "settings": facts,
            "held_out_accuracy": network.pixel_accuracy,
            "held_out_count": network.held_out_count,
            "weights_hash": network.weights_hash,
        }
        cache.write(record, network.state_dict())
    measured = {name: record[name] for name in ("held_out_accuracy", "held_out_count")}
    given = data.paired.class_names
    names = tuple(given[k] if k < len(given) else f"class {k}" for k in range(num_classes))
    return SegmenterJudge(network, FITTED, network.weights_hash, {"fitted_to": facts, **measured}, names)


def loaded_segmenter(file: Path) -> FittedSegmenter:
    """Return the segmenter whose weights are in a .safetensors file.

    Raises:
        ValueError: if the file is damaged or holds other weights.
    """
    try:
        return _network(load_file(file))
    except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"{file} doesn't hold the weights of a fitted segmenter ({str(error)[:200]}): save the state_dict of "
            "`everymode.extractors.fit_segmenter` there"
        ) from error


def _network(tensors: dict[str, Tensor]) -> FittedSegmenter:
    """Return the network with these weights, whose sizes they tell."""
    width, channels = tensors["outer.0.weight"].shape[:2]
    with torch.random.fork_rng(devices=[]):
        network = FittedSegmenter(channels, len(tensors["classify.weight"]), width=width)
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
    network.weights_hash = tensors_hash(network.state_dict())
    return network


def _custom(file: Path, attribute: str) -> SegmenterJudge:
    module = run_python_file(file, f"everymode_own_{file.stem}")
    function = getattr(module, attribute, None)
    if not callable(function) or isinstance(function, type):
        raise ValueError(
            f"{file} has no function {attribute}: define {attribute}(images), from images [B, C, H, W] in [-1, 1] to "
            "integers [B, H, W]"
        )
    segment = cast("Segmenter", function)
    facts = segmenter_facts(segment)
    source = hashlib.sha256(file.read_bytes()).hexdigest()
    names = _custom_labels(file, segment, module)
    none = getattr(segment, "ground", None) if hasattr(segment, "ground") else getattr(module, "ground", None)
    if none is not None and names and not (isinstance(none, int) and none in range(len(names))):
        raise ValueError(
            f"{file} sets ground to {none!r}; it must be one of the labels 0 .. {len(names) - 1}"
        )
    return SegmenterJudge(
        segment, file.stem, facts.weights_hash or source, {"source_hash": source}, names, none
    )


def _custom_labels(file: Path, segment: Segmenter, module: Any) -> tuple[str, ...]:
    """Return the names of the labels of a custom segmenter; () if the file doesn't state their number."""
    names = getattr(module, "class_names", ())
    count = getattr(segment, "num_classes", getattr(module, "num_classes", len(names)))
    if not isinstance(count, int) or count < 0 or (names and len(names) != count):
        raise ValueError(
            f"{file} has {len(names)} class_names and num_classes {count!r}: set num_classes to the number of labels, "
            "and class_names to one name for each, or omit them"
        )
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"{file} has a name twice in class_names: name each label once")
    return tuple(map(str, names)) or tuple(f"label {label}" for label in range(count))


def _pictures_and_maps(data: Dataset) -> tuple[Tensor, Tensor]:
    """Return the images uint8 [N, C, H, W] and maps int64 [N, H, W] to which a segmenter is fitted."""
    assert data.paired is not None
    rows = random_rows(MOST_PICTURES, len(data), 0).numpy()
    images = torch.empty((len(rows), *data.image_shape), dtype=torch.uint8)
    take_rows(data.images, rows, images.numpy())
    gathered = data.paired.gather(rows)
    return images, gathered[0] if isinstance(gathered, tuple) else gathered


def segmented(judge: SegmenterJudge, images: Tensor, device: torch.device | str) -> Tensor:
    """Return the label maps of images uint8 [n, C, H, W], integers [n, H, W] on the CPU.

    Raises:
        ValueError: if the segmenter returns anything else.
    """
    if isinstance(judge.segment, nn.Module):
        judge.segment.to(device)
    with torch.no_grad():
        batches = (batch.to(device).float() / 127.5 - 1 for batch in image_batches(images))
        result = torch.cat([torch.as_tensor(judge.segment(batch)).cpu() for batch in batches])
    wanted = (len(images), *images.shape[2:])
    if tuple(result.shape) != wanted or result.is_floating_point():
        raise ValueError(
            f"the segmenter {judge.name} returns {result.dtype} {list(result.shape)} for images {list(images.shape)}; "
            f"it must return integers {list(wanted)}, a class for each pixel (argmax of the logits)"
        )
    return result
