"""The small classifier: accuracy on the digits, repeatability, keeping, and reading of stacked digits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from everymode.data import open_images
from everymode.data.stacked import stacked
from everymode.extractors import classifiers as module
from everymode.extractors.classifiers import (
    Classifier,
    ClassifierSettings,
    classifier_for,
    predicted_labels,
    stacked_digit_labels,
    train_classifier,
)
from everymode.extractors.extraction import extract

QUICK = ClassifierSettings(steps=4, batch_size=8, width=4)


@pytest.fixture
def digits(trained_digits: Classifier) -> Classifier:
    return trained_digits


def two_kinds(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Dark and bright noise."""
    labels = np.arange(count) % 2
    noise = np.random.default_rng(0).integers(0, 100, (count, 1, 8, 8))
    return (noise + 120 * labels[:, None, None, None]).astype(np.uint8), labels


def test_digits_are_read(digits: Classifier) -> None:
    assert digits.held_out_accuracy >= 0.97 and digits.held_out_count == 500
    held_out = open_images("digits:held-out")
    right = predicted_labels(digits, held_out.images).numpy() == held_out.labels
    assert right.mean() == pytest.approx(digits.held_out_accuracy)
    extractor = digits.extractor()
    found = extract(extractor, [torch.from_numpy(np.array(held_out.images[:5]))])
    assert found.features["penultimate"].shape == (5, extractor.layers["penultimate"])
    assert extractor.metric_name("fd") == "fd-digits" and extractor.num_classes == 10
    assert extractor.weights_hash == digits.weights_hash


def test_colored_and_larger_digits_are_read_too(digits: Classifier) -> None:
    held_out = open_images("digits:held-out", channels=3, resolution=32)
    assert (predicted_labels(digits, held_out.images).numpy() == held_out.labels).mean() > 0.9


def test_stacked_digits_are_read_channel_by_channel(digits: Classifier) -> None:
    triples = stacked(open_images("digits:held-out"), samples=300)
    read = stacked_digit_labels(digits, triples.images).numpy()
    assert (read == triples.labels).mean() > 0.93
    first = predicted_labels(digits, np.asarray(triples.images)[:, :1]).numpy()
    assert (read // 100 == first).all()
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\]"):
        stacked_digit_labels(digits, np.asarray(triples.images)[:, :1])


def test_the_same_training_gives_the_same_weights(tmp_path: Path) -> None:
    images, labels = two_kinds()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one = train_classifier(images, labels, settings=QUICK, cache_dir=tmp_path / "a")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        two = train_classifier(
            torch.from_numpy(images), torch.from_numpy(labels), settings=QUICK, cache_dir=tmp_path / "b"
        )
    assert one.weights_hash == two.weights_hash
    other = train_classifier(images, labels, settings=QUICK, seed=1, cache_dir=tmp_path / "a")
    assert other.weights_hash != one.weights_hash


def test_a_kept_classifier_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = two_kinds()
    done: list[tuple[int, int]] = []
    settings = ClassifierSettings(steps=50, batch_size=8, width=4)
    first = train_classifier(
        images,
        labels,
        settings=settings,
        cache_dir=tmp_path,
        progress=lambda step, of: done.append((step, of)),
    )
    assert done == [(50, 50)] and first.held_out_accuracy == 1.0
    monkeypatch.setattr(module, "train_network", lambda *_: pytest.fail("trained again"))
    again = train_classifier(images, labels, settings=settings, cache_dir=tmp_path)
    assert again.weights_hash == first.weights_hash and again.held_out_accuracy == first.held_out_accuracy
    assert again.settings == first.settings
    some = torch.from_numpy(images[:4])
    assert torch.equal(
        extract(again.extractor(), [some]).features["penultimate"],
        extract(first.extractor(), [some]).features["penultimate"],
    )


@pytest.mark.parametrize("change", ["pixel", "label", "seed", "settings", "held_out", "num_classes"])
def test_whatever_changes_is_trained_anew(tmp_path: Path, change: str) -> None:
    images, labels = two_kinds()
    options = {"settings": QUICK, "cache_dir": tmp_path}
    train_classifier(images, labels, **options)
    if change == "pixel":
        images[5, 0, 3, 3] ^= 1
    elif change == "label":
        labels[5] = 1 - labels[5]
    else:
        options[change] = {
            "seed": 1,
            "settings": ClassifierSettings(steps=5, batch_size=8, width=4),
            "held_out": 0.2,
            "num_classes": 3,
        }[change]
    train_classifier(images, labels, **options)
    assert len(list((tmp_path / "classifiers").iterdir())) == 2


def test_a_damaged_one_is_trained_again(tmp_path: Path) -> None:
    images, labels = two_kinds()
    first = train_classifier(images, labels, settings=QUICK, cache_dir=tmp_path)
    (weights,) = tmp_path.rglob("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.warns(UserWarning, match="is damaged"):
        again = train_classifier(images, labels, settings=QUICK, cache_dir=tmp_path)
    assert again.weights_hash == first.weights_hash
    train_classifier(images, labels, settings=QUICK, cache_dir=tmp_path)


def test_other_held_out_images_and_alpha(tmp_path: Path) -> None:
    images, labels = two_kinds()
    alpha = np.concatenate([images.repeat(3, 1), np.full_like(images, 255)], 1)
    found = train_classifier(
        alpha[:30],
        labels[:30],
        held_out=(alpha[30:], labels[30:]),
        settings=QUICK,
        cache_dir=tmp_path,
        num_classes=4,
    )
    assert (found.channels, found.num_classes, found.held_out_count) == (3, 4, 10)


def test_what_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    images, labels = two_kinds()
    for wrong, options in ((labels * 0, {}), (labels, {"num_classes": 1})):
        with pytest.raises(ValueError, match="at least two classes"):
            train_classifier(images, wrong, settings=QUICK, cache_dir=tmp_path, **options)


def test_data_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "ClassifierSettings", lambda: QUICK)
    images, labels = two_kinds()
    opened: list[str] = []

    def open_data(name: str) -> SimpleNamespace:
        opened.append(name)
        return SimpleNamespace(images=images, labels=labels, fingerprint="f")

    assert classifier_for("photos/My Set.zip", open_data).name == "classifier-my-set"
    assert opened == ["photos/My Set.zip"]
