"""A small classifier of your own classes, trained in a minute when first needed, then kept and reused.

It serves metrics that ask "which class is this?" (modes hit, class accuracy of generated images, stacked digits) and
gives features for data that ImageNet's networks know nothing of, such as digits.
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
    """A data set as `classifier_for` needs it: images uint8 [N, C, H, W], labels int64 [N] (-1 = unlabeled)."""

    @property
    def images(self) -> Any: ...

    @property
    def labels(self) -> np.ndarray: ...

    @property
    def fingerprint(self) -> str: ...


@dataclass(frozen=True)
class Classifier:
    """A trained classifier with what must be said of it beside every number it gives.

    Attributes:
        name: of the data, for people and for the names of metrics.
        network: in eval mode; images [N, C, H, W], float32 in 0 .. 255, to `Activations`.
        input_size: (H, W) of the network's input.
        channels: 1 or 3.
        num_classes: K.
        held_out_accuracy: share of the images kept out of training that it names rightly.
        held_out_count: how many those were.
        weights_hash: SHA-256 of the weights.
        settings: every number of the training, its seed and the data's fingerprints.
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
        """This classifier as an extractor: layers "penultimate" and "stage2", logits of its own classes."""
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
    """Train a small convolutional network on labeled images, or load it where the same training was done before.

    On a CPU the same images, numbers, build and number of threads give the same weights. Random states elsewhere are
    not touched.

    Args:
        images: uint8 [N, C, H, W] with 1, 3 or 4 channels.
        labels: int64 [N]; rows with -1 (unlabeled) are left out.
        held_out: share of every class that is kept out of training to measure the accuracy, or other images and
            their labels.
        seed: of the initial weights, order, shifts and held-out rows.
        name: of the data.
        num_classes: K; by default the largest label plus 1.
        settings: the numbers of the training; by default `ClassifierSettings()`.
        fingerprint: digest of images and labels, where it is known already.
        cache_dir: where classifiers are kept; by default $EVERYMODE_CACHE or ~/.cache/everymode.
        device: where to train.
        progress: called with the steps done and their total, every 50 steps.

    Raises:
        ValueError: images or labels of another kind, fewer than two classes, nothing left to hold out.
    """
    settings, device = settings or ClassifierSettings(), torch.device(device)
    training = labeled_arrays(images, labels, "images")
    share = held_out if isinstance(held_out, float | int) else None
    test = None if share is not None else labeled_arrays(held_out[0], held_out[1], "held-out images")
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
    place = cached_classifier(name, _key(facts), cache_dir)
    if (found := place.read()) is not None:
        return _rebuilt(name, *found)
    if test is None:
        training, test = training.split(share, seed)
    network = train_network(training, facts, settings, device, progress)
    record = _record(name, network, facts, training, test)
    place.write(record, network.state_dict())
    return _rebuilt(name, record, network.state_dict())


def classifier_for(
    name: str,
    open_data: Callable[[str], LabeledImages],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """The classifier of a data set by name, with the defaults of `train_classifier`.

    "digits" trains on the bundled digits' training split and is measured on the other; of any other data set, a tenth
    of every class is held out. Images that come in mirror-image pairs are not assumed: nothing is mirrored.

    Args:
        name: "digits", or whatever `open_data` opens.
        open_data: such as `everymode.data.open_images`.
        progress: as for `train_classifier`.

    Raises:
        ValueError: as `train_classifier`.
    """
    if name == "digits":
        data, other = open_data("digits:train"), open_data("digits:held-out")
        held_out: float | tuple[Any, Any] = (other.images, other.labels)
    else:
        data, held_out = open_data(name), 0.1
    own_name = name if name == "digits" else f"classifier-{_readable(name)}"
    return train_classifier(
        data.images,
        data.labels,
        held_out=held_out,
        name=own_name,
        fingerprint=data.fingerprint,
        progress=progress,
    )


def predicted_labels(
    classifier: Classifier, images: Tensor | np.ndarray | Any, *, device: torch.device | str = "cpu"
) -> Tensor:
    """The likeliest class of uint8 images [N, C, H, W]: int64 [N], on the CPU."""
    extracted = extract(classifier.extractor(), image_batches(images, 256), device=device, batch_size=256)
    assert extracted.logits is not None
    return extracted.logits.argmax(1)


def stacked_digit_labels(
    classifier: Classifier, images: Tensor | np.ndarray | Any, *, device: torch.device | str = "cpu"
) -> Tensor:
    """Which of 1,000 modes stacked digits belong to: each channel read by itself as a gray digit, 100 a + 10 b + c.

    Args:
        classifier: of ten digits.
        images: uint8 [N, 3, H, W].

    Returns:
        int64 [N], 0 .. 999.

    Raises:
        ValueError: another number of classes or of channels.
    """
    if classifier.num_classes != 10 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"stacked digits are read by a classifier of 10 digits from images [N, 3, H, W]; "
            f"{classifier.name} has {classifier.num_classes} classes, the images are {list(images.shape)}"
        )
    hundreds, tens, ones = (
        predicted_labels(classifier, images[:, channel : channel + 1], device=device) for channel in range(3)
    )
    return 100 * hundreds + 10 * tens + ones


def _readable(name: str) -> str:
    """The part of a path or of a data set's name that people know it by, fit for the name of a metric."""
    last = name.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9]+", "-", last.split(".")[0]).strip("-").lower() or "data"


def _class_count(
    name: str, training: LabeledArrays, test: LabeledArrays | None, num_classes: int | None
) -> int:
    """K: `num_classes`, or the largest label plus 1. Raises ValueError for fewer than two, or than the labels need."""
    largest = max(int(each.labels.max()) for each in (training, test) if each is not None)
    classes = largest + 1 if num_classes is None else num_classes
    if classes <= largest or len(np.unique(training.labels)) < 2:
        raise ValueError(
            f"{name} has labels up to {largest} of {len(np.unique(training.labels))} kinds, and num_classes is "
            f"{classes}; a classifier needs two classes or more, and labels 0 .. num_classes - 1"
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
    """What is kept beside the weights."""
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
    batches = (with_channels(test.rows_at(part), facts["channels"]) for part in test.parts(256))
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
