"""Evaluations from end to end, with features of random convolutions and small generators."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from painters import CLASSES, Pointer, painter
from torch.utils.data import DataLoader

from everymode.data.opening import open_images
from everymode.data.synthetic import in_memory
from everymode.evaluation import (
    Sampling,
    evaluate,
    evaluate_generator,
    memorization,
    prepare_reference,
    truncation_curve,
)
from everymode.evaluation.curve import curve_table, save_curve
from everymode.evaluation.judging import default_extractor
from everymode.extractors.extractor import Activations
from everymode.extractors.random_convolutions import random_convolutions
from everymode.labels.given import NoLabels
from everymode.sampling.generator import Generator


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def digits():
    return open_images("digits", resolution=16)


def changed(dataset, pixels, labels=None):
    kept = dataset.labels if labels is None else labels
    return in_memory("changed", np.asarray(pixels, np.uint8), kept, dataset.classes)


def halves(digits):
    even, odd = np.arange(0, 1600, 2), np.arange(1, 1600, 2)
    return digits.subset(even, name="even"), digits.subset(odd, name="odd")


def fd(fake, real, **more):
    return evaluate(fake, real, extractor="random:16", metrics="fd", **more).value("fd")


def test_noise_blur_and_a_dropped_class_each_raise_the_distance(digits):
    real, fake = halves(digits)
    pixels = np.asarray(fake.images).astype(float)
    clean = fd(fake, real)
    noisy = pixels + np.random.default_rng(0).normal(0, 25, pixels.shape)
    assert fd(changed(fake, noisy.clip(0, 255).round()), real) > 2 * clean
    blurred = sum(np.roll(pixels, shift, axis) for axis in (2, 3) for shift in (-1, 0, 1)) / 6
    assert fd(changed(fake, blurred.round()), real) > 2 * clean
    kept = fake.labels != 3
    assert fd(changed(fake, np.asarray(fake.images)[kept], fake.labels[kept]), real) > 1.1 * clean
    assert fd(real, real) == pytest.approx(0, abs=1e-9)


def test_the_same_evaluation_gives_the_same_card_apart_from_times(digits, cache):
    real, fake = halves(digits)
    first = evaluate(fake, real, extractor="random:16", metrics="fd,kd,pr,dc,is,per-class")
    second = evaluate(fake, real, extractor="random:16", metrics="fd,kd,pr,dc,is,per-class")
    assert replace(first, times={}).text == replace(second, times={}).text
    assert first.times["real_statistics"] == "computed"
    assert second.times["real_statistics"] == "cached"
    assert len(list((cache / "references").iterdir())) == 1


def test_a_changed_pixel_gives_another_reference(digits, cache):
    real, fake = halves(digits)
    fd(fake, real)
    pixels = np.array(real.images)
    pixels[5, 0, 3, 3] ^= 1
    fd(fake, changed(real, pixels))
    assert len(list((cache / "references").iterdir())) == 2


def test_a_card_says_how_its_numbers_were_made(digits):
    real, fake = halves(digits)
    card = evaluate(
        fake, real, extractor="random:16", metrics="fd", num=500, num_real=300, sampling=Sampling(seed=2)
    )
    assert card.metrics["fd-random-16"].real == 300
    assert card.metrics["fd-random-16"].fake == 500
    protocol = card.protocol
    assert protocol["real"]["fingerprint"] == real.fingerprint
    assert (protocol["real"]["images"], protocol["real"]["of"], protocol["real"]["choice_seed"]) == (
        300,
        800,
        0,
    )
    assert protocol["extractor"]["name"] == "random-16"
    assert len(protocol["extractor"]["weights_hash"]) == 64
    assert protocol["extractor"]["layer"] == "pool"
    assert protocol["extractor"]["resize"] == "bicubic-antialiased"
    assert protocol["sampling"]["truncation"] == "not known"
    assert card.subject["seeds"]["sampling"] == 2
    assert card.subject["label"] == "odd"
    assert {"device", "torch", "everymode", "threads"} <= card.environment.keys()
    assert {"date", "seconds", "peak_memory_mib"} <= card.times.keys()
    json.loads(card.text)


def three_colors(count=300):
    """Images that the painter would draw, with its classes."""
    generator = painter()
    labels = np.arange(count) % 3
    images = generator.sample(count, label=labels.tolist(), seed=50_000)
    pixels = images.add(1).mul(127.5).round().byte().numpy()
    return in_memory("colors", pixels, labels, CLASSES)


def test_a_generator_in_memory_against_a_prepared_reference():
    reference = prepare_reference(three_colors(), extractor="random:16")
    generator = painter()
    card = evaluate_generator(generator, reference, num=300, metrics="fd,kd,per-class", step=7)
    assert card.metrics["fd-random-16"].fake == 300
    assert card.subject["label"] == "generator step 7"
    assert card.protocol["sampling"]["label_prior"] == "data"
    assert card.protocol["sampling"]["batch_norm"] == "running"
    assert abs(card.value("kd")) < 0.01
    classes = card.metrics["fd-per-class-random-16"].details["classes"]
    assert set(classes) == set(CLASSES)
    generator.network.strength.data.fill_(3.0)
    assert evaluate_generator(generator, reference, num=300).value("fd") > 2 * card.value("fd")


def test_the_sampling_is_part_of_the_protocol_and_changes_the_numbers():
    reference = prepare_reference(three_colors(), extractor="random:16")
    plain = evaluate_generator(painter(), reference, num=200)
    cut = evaluate_generator(painter(), reference, num=200, sampling=Sampling(truncation=0.3))
    again = evaluate_generator(painter(), reference, num=200, sampling=Sampling(seed=1))
    assert cut.value("fd") > plain.value("fd")
    assert cut.protocol["sampling"]["truncation"] == 0.3
    assert again.protocol == plain.protocol
    assert again.subject["identity"] == plain.subject["identity"]
    assert again.value("fd") != plain.value("fd")


def test_the_features_kept_are_bounded_and_that_is_said(digits):
    real, fake = halves(digits)
    card = evaluate(fake, real, extractor="random:16", metrics="fd,kd", max_features=100)
    assert card.metrics["kd-random-16"].real == card.metrics["kd-random-16"].fake == 100
    assert card.metrics["fd-random-16"].fake == 800
    assert sum("random subset of 100 of 800" in sentence for sentence in card.warnings) == 2


def test_either_side_may_be_a_generator():
    card = evaluate(painter(), painter(), extractor="random:16", metrics="fd", num=300, num_real=300)
    assert 0 < card.value("fd") < 0.5
    assert fd(three_colors(), painter(), num_real=300) < 0.5


def test_features_that_are_not_finite_end_with_a_sentence(digits):
    plain = random_convolutions(16)
    broken = replace(
        plain,
        network=lambda images: Activations(
            {"pool": plain.network(images).features["pool"] / 0}, images.mean((2, 3)) @ torch.zeros(3, 10)
        ),
    )
    with pytest.raises(ValueError, match="NaN or infinity"):
        evaluate(digits, digits, extractor=broken, metrics="fd")


def test_mistakes_are_sentences(digits):
    with pytest.raises(ValueError, match="name the real images"):
        evaluate(digits)
    with pytest.raises(ValueError, match="choose 2 to"):
        evaluate(digits, digits, extractor="random:16", num=5000)
    with pytest.raises(ValueError, match="there is no metric 'fid'"):
        evaluate(digits, digits, extractor="random:16", metrics="fid")
    with pytest.raises(ValueError, match="lites"):
        evaluate(digits, digits, extractor="lites")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate("./nowhere", digits)
    with pytest.raises(ValueError, match="points in the plane"):
        evaluate("ring", digits, extractor="random:16")


def test_mistakes_are_seen_before_anything_is_computed(digits, monkeypatch):
    monkeypatch.setattr("everymode.evaluation.judging.open_sides", lambda *_, **__: pytest.fail("too late"))
    with pytest.raises(ValueError, match="there is no metric 'fdd'"):
        evaluate(digits, digits, metrics="fd,fdd")
    with pytest.raises(ValueError, match="num is 1; an evaluation needs at least 2 images on each side"):
        evaluate(digits, digits, num=1)
    with pytest.raises(ValueError, match="num_real is 0"):
        evaluate(digits, digits, num_real=0)


def test_default_extractors():
    assert default_extractor("digits:train") == default_extractor("digits") == "digits"
    assert default_extractor("photos", fast=True) == "lite0:64"
    assert default_extractor("digits-of-mine") == "lite0:128"
    assert default_extractor("photos", device="cuda") == "lite0:224"


def test_points_are_judged_by_their_mixture():
    card = evaluate(Generator(Pointer(), NoLabels()), "ring:modes=8,radius=1,std=0.02", num=500)
    assert card.value("modes") == 1
    assert card.value("high-quality") > 0.95
    assert card.value("reverse-kl") == pytest.approx(np.log(8))
    assert 0.9 < card.value("spread") < 1.05
    with pytest.raises(ValueError, match="need a generator"):
        evaluate("ring", "ring")


def test_the_curve_has_a_card_for_each_truncation(tmp_path):
    cards = truncation_curve(
        painter(),
        three_colors(),
        truncations=[1.0, 0.2, 0.6],
        extractor="random:16",
        metrics="fd,pr",
        num=200,
    )
    assert [card.protocol["sampling"]["truncation"] for card in cards] == [0.2, 0.6, 1.0]
    recalls = [card.value("recall") for card in cards]
    assert recalls[0] < recalls[1] <= recalls[2]
    table = curve_table(cards).splitlines()
    assert table[0].split() == ["truncation", "fd-random-16", "precision-random-16", "recall-random-16"]
    assert [line.split()[0] for line in table[1:4]] == ["0.2", "0.6", "1"]
    record, plot = save_curve(cards, tmp_path / "curves" / "c.json")
    assert len(json.loads(record.read_text())["truncation_curve"]) == 3
    assert plot.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="not a set of samples"):
        truncation_curve(three_colors(), three_colors(), extractor="random:16")


def test_memorization_finds_the_copies(digits, tmp_path):
    real, other = halves(digits)
    copies = real.subset(np.arange(50), name="copies")
    found = memorization(copies, real, other, extractor="random:16")
    assert found.gap.training == 0
    assert found.gap.gap == 1
    assert found.picture.shape == (72, 1, 16, 16)
    assert torch.equal(found.picture[0], found.picture[1])
    assert found.row_names[0] == "0  0"
    assert "100.0 % of samples are nearer to training" in found.summary()
    assert found.save(tmp_path / "near.png").is_file()
    honest = memorization(
        digits.subset(np.arange(1600, 1797), name="rest"), real, other, extractor="random:16"
    )
    assert abs(honest.gap.gap) < 0.25
    assert memorization(copies, real, extractor="random:16").gap is None


def test_notes_of_the_data_of_both_sides_reach_the_card(digits):
    one, other = halves(digits)
    one, other = replace(one, notes=("even: 3 rows are odd",)), replace(other, notes=("a shard is missing",))
    card = evaluate(one, other, extractor="random:16", metrics="fd")
    assert "even: 3 rows are odd" in card.warnings and "odd: a shard is missing" in card.warnings


def test_fakes_may_lack_classes_of_the_real_side_and_have_none_of_their_own(digits):
    real, fake = halves(digits)
    few = np.flatnonzero(fake.labels >= 6)
    lacking = replace(fake.subset(few), classes=("six", "7", "8", "9"), labels=fake.labels[few] - 6)
    with pytest.raises(ValueError, match=r"the real side lacks \(six\)"):
        evaluate(lacking, real, extractor="random:16", metrics="per-class")
    named = replace(lacking, classes=("6", "7", "8", "9"))
    card = evaluate(named, real, extractor="random:16", metrics="per-class")
    classes = next(iter(card.metrics.values())).details["classes"]
    assert [name for name, row in classes.items() if row["fake"]] == ["6", "7", "8", "9"]


def test_data_in_memory_are_judged_as_the_same_images_in_a_dataset(digits):
    real, fake = halves(digits.subset(np.arange(1600)))
    pixels, labels = np.asarray(fake.images), fake.labels
    expected = fd(fake, real)
    assert fd((pixels, labels), real) == expected
    pairs = [
        (torch.from_numpy(image).float() / 255, int(label))
        for image, label in zip(pixels, labels, strict=True)
    ]
    card = evaluate(pairs, (real.images, real.labels), extractor="random:16", metrics="fd")
    assert card.value("fd") == expected
    assert (card.subject["source"], card.subject["real_source"]) == ("list", "arrays")
    with pytest.raises(TypeError, match=r"data is a DataLoader.*loader\.dataset"):
        fd(DataLoader(real), real)


def test_data_in_memory_are_opened_at_the_size_of_the_generator(digits):
    generator = painter()
    shape = generator.sample(1).shape
    large = np.asarray(digits.images)[:100].repeat(4, axis=2).repeat(4, axis=3)
    card = evaluate(generator, (large, digits.labels[:100]), extractor="random:16", metrics="fd", num=100)
    assert large.shape[2:] != shape[2:] and np.isfinite(card.value("fd"))
