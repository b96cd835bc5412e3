"""A small classifier for custom classes, trained within a minute when it is first needed, and cached.

Metrics that need the class of an image use it (modes reached, class accuracy of generated images, stacked digits). It
also gives features for data unlike ImageNet, such as digits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from everymode.extractors.classifier_cache import cached_classifier
from everymode.extractors.classifier_network import ClassifierNetwork
from everymode.extractors.classifier_training import ClassifierSettings, train_network
from everymode.extractors.extraction import extract, image_batches
from everymode.extractors.extractor import Extractor
from everymode.extractors.hashing import tensors_hash
from everymode.extractors.labeled_arrays import LabeledArrays, labeled_arrays
from everymode.extractors.pixels import with_channels
from everymode.extractors.resizing import BICUBIC
from everymode.extractors.weights import frozen
from everymode.machine.device import checked_device

__all__ = [
    "Classifier",
    "ClassifierSettings",
    "LabeledImages",
    "classifier_for",
    "predicted_labels",
    "stacked_digit_labels",
    "train_classifier",
]

FORMAT_VERSION = 1


class LabeledImages(Protocol):
    """Interface of the datasets that `classifier_for` uses."""

    @property
    def images(self) -> Any:
        """Images, uint8 [N, C, H, W]."""
        ...

    @property
    def labels(self) -> np.ndarray:
        """Labels, int64 [N]; -1 means unlabeled."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of images and labels."""
        ...


@dataclass(frozen=True)
class Classifier:
    """A trained classifier with the facts that must be reported with its results.

    Attributes:
        name: name of the data, used in the names of metrics.
        network: network in eval mode; it maps images [N, C, H, W], float32 in 0 .. 255, to `Activations`.
        input_size: (H, W) of the network's input.
        channels: number of input channels, 1 or 3.
        num_classes: number of classes K.
        held_out_accuracy: accuracy on the held-out images.
        held_out_count: number of held-out images.
        weights_hash: SHA-256 of the weights.
        settings: all hyper-parameters of the training, its seed and the data's fingerprints.
    """

    name: str
    network: ClassifierNetwork = field(repr=False)
    input_size: tuple[int, int]
    channels: int
    num_classes: int
    held_out_accuracy: float
    held_out_count: int
    weights_hash: str
    settings: Mapping[str, Any]

    def extractor(self) -> Extractor:
        """Return this classifier as an extractor with layers "penultimate" and "stage2" and logits of its classes."""
        return Extractor(
            name=self.name,
            weights_hash=self.weights_hash,
            input_size=self.input_size,
            resize=BICUBIC,
            layers=self.network.layers,
            network=self.network,
            channels=self.channels,
            num_classes=self.num_classes,
        )


def train_classifier(
    images: Tensor | np.ndarray | Any,
    labels: Tensor | np.ndarray,
    *,
    held_out: float | tuple[Any, Any] = 0.1,
    seed: int = 0,
    name: str = "classifier",
    num_classes: int | None = None,
    settings: ClassifierSettings | None = None,
    fingerprint: str | None = None,
    cache_dir: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """Train a small convolutional network on labeled images, or load it if the same training is cached.

    On a CPU, the same images, hyper-parameters, build and number of threads give the same weights. Global random
    states are unchanged.

    Args:
        images: uint8 [N, C, H, W] with 1, 3 or 4 channels.
        labels: int64 [N]; rows with -1 (unlabeled) are ignored.
        held_out: share of each class that is held out to measure the accuracy, or a pair of other images and labels.
        seed: seed of the initial weights, the order, the shifts and the held-out rows.
        name: name of the data.
        num_classes: number of classes. Default: the largest label plus 1.
        settings: hyper-parameters of the training. Default: `ClassifierSettings()`.
        fingerprint: hash of images and labels, if it is already known.
        cache_dir: cache folder. Default: $EVERYMODE_CACHE or ~/.cache/everymode.
        device: device of the training.
        progress: called with the number of finished steps and the total, every 50 steps.

    Returns:
        The classifier, on the CPU.
    Raises:
        ValueError: if images or labels have another type or shape, there are fewer than two classes, or no image can
            be held out.
    """
    settings, device = settings or ClassifierSettings(), checked_device(device)
    training = labeled_arrays(images, labels, "images")
    if isinstance(held_out, float | int):
        share, test = held_out, None
    else:
        share, test = 0.0, labeled_arrays(held_out[0], held_out[1], "held-out images")
    facts = {
        "version": FORMAT_VERSION,
        "fingerprint": fingerprint or training.fingerprint(),
        "held_out": share if test is None else test.fingerprint(),
        "num_classes": _class_count(name, training, test, num_classes),
        "channels": 1 if training.images.shape[1] == 1 else 3,
        "input_size": list(settings.input_size(training.images.shape[2:])),
        "seed": seed,
        "device": device.type,
        **asdict(settings),
    }
    cache = cached_classifier(name, _key(facts), cache_dir)
    if (cached := cache.read()) is not None:
        return _rebuilt(name, *cached)
    if test is None:
        training, test = training.split(share, seed)
    network = train_network(training, facts, settings, device, progress)
    record = _record(name, network, facts, training, test)
    cache.write(record, network.state_dict())
    return _rebuilt(name, record, network.state_dict())


def classifier_for(
    name: str,
    open_data: Callable[[str], LabeledImages],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """Return the classifier of a dataset by name, trained with the defaults of `train_classifier`.

    "digits" is trained on the training split of the bundled digits and tested on the held-out split; for other
    datasets, a tenth of each class is held out. Images are not mirrored, since a mirror image may have another class.

    Args:
        name: "digits", or a name or path that `open_data` opens.
        open_data: opens a dataset, such as `everymode.data.open_images`.
        progress: as for `train_classifier`.

    Raises:
        ValueError: as `train_classifier`.
    """
    if name == "digits":
        data, other = open_data("digits:train"), open_data("digits:held-out")
        held_out: float | tuple[Any, Any] = (other.images, other.labels)
    else:
        data, held_out = open_data(name), 0.1
    metric_name = name if name == "digits" else f"classifier-{_readable(name)}"
    return train_classifier(
        data.images,
        data.labels,
        held_out=held_out,
        name=metric_name,
        fingerprint=data.fingerprint,
        progress=progress,
    )


def predicted_labels(
    classifier: Classifier, images: Tensor | np.ndarray | Any, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Return the most probable class of each image of uint8 [N, C, H, W], int64 [N] on the CPU."""
    extracted = extract(classifier.extractor(), image_batches(images, 256), device=device, batch_size=256)
    assert extracted.logits is not None
    return extracted.logits.argmax(1)


def stacked_digit_labels(
    classifier: Classifier, images: Tensor | np.ndarray | Any, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Return the mode of each stacked image, one of 1,000: the digits a, b and c of its channels give 100 a + 10 b + c.

    Args:
        classifier: a classifier of ten digits.
        images: uint8 [N, 3, H, W]; each channel is a gray digit.
        device: device of the classifier.

    Returns:
        int64 [N], 0 .. 999.
    Raises:
        ValueError: if the classifier does not have 10 classes, or the images don't have 3 channels.
    """
    if classifier.num_classes != 10 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"stacked digits need a classifier of 10 digits and images [N, 3, H, W]; {classifier.name} has "
            f"{classifier.num_classes} classes, and the images are {list(images.shape)}"
        )
    hundreds, tens, ones = (
        predicted_labels(classifier, images[:, channel : channel + 1], device=device) for channel in range(3)
    )
    return 100 * hundreds + 10 * tens + ones


def _readable(name: str) -> str:
    """Return the last component of a path or dataset name as lower-case letters, digits and hyphens."""
    last = name.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9]+", "-", last.split(".")[0]).strip("-").lower() or "data"


def _class_count(
    name: str, training: LabeledArrays, test: LabeledArrays | None, num_classes: int | None
) -> int:
    """Return `num_classes`, or the largest label plus 1; raise ValueError if it is below 2 or excludes a label."""
    largest = max(int(each.labels.max()) for each in (training, test) if each is not None)
    classes = largest + 1 if num_classes is None else num_classes
    if classes <= largest or len(np.unique(training.labels)) < 2:
        raise ValueError(
            f"{name} has {len(np.unique(training.labels))} different labels, the largest {largest}, and num_classes is "
            f"{classes}; a classifier needs at least two classes, and labels 0 .. num_classes - 1"
        )
    return classes


def _key(facts: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()


def _record(
    name: str,
    network: ClassifierNetwork,
    facts: Mapping[str, Any],
    training: LabeledArrays,
    test: LabeledArrays,
) -> dict[str, Any]:
    """Return the record that is cached with the weights."""
    return {
        "settings": facts,
        "held_out_accuracy": _accuracy(name, network, facts, test),
        "held_out_count": len(test.labels),
        "training_count": len(training.labels),
        "weights_hash": tensors_hash(network.state_dict()),
        "torch": torch.__version__,
    }


def _accuracy(name: str, network: ClassifierNetwork, facts: Mapping[str, Any], test: LabeledArrays) -> float:
    extractor = Extractor(
        name=name,
        weights_hash="",
        input_size=tuple(facts["input_size"]),
        resize=BICUBIC,
        layers=network.layers,
        network=network,
        channels=facts["channels"],
        num_classes=facts["num_classes"],
    )
    batches = (with_channels(test.rows_at(indices), facts["channels"]) for indices in test.batches(256))
    extracted = extract(extractor, batches, device="cpu", batch_size=256)
    assert extracted.logits is not None
    return float((extracted.logits.argmax(1) == torch.from_numpy(test.labels)).double().mean())


def _rebuilt(name: str, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Classifier:
    facts = record["settings"]
    with torch.random.fork_rng(devices=[]):
        network = ClassifierNetwork(facts["channels"], facts["num_classes"], width=facts["width"])
    network.load_state_dict(dict(tensors))
    frozen(network)
    return Classifier(
        name=name,
        network=network,
        input_size=tuple(facts["input_size"]),
        channels=facts["channels"],
        num_classes=facts["num_classes"],
        held_out_accuracy=record["held_out_accuracy"],
        held_out_count=record["held_out_count"],
        weights_hash=record["weights_hash"],
        settings=facts,
    )
