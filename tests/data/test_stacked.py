"""Stacked digits: a thousand modes, and channels that agree with the label."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.data.stacked import stacked, stacked_digits
from everymode.data.synthetic import digits, in_memory, ring


def test_each_channel_shows_the_digit_of_its_place() -> None:
    flat = np.broadcast_to((np.arange(10, dtype=np.uint8) * 20)[:, None, None, None], (10, 1, 2, 2))
    source = in_memory("flat", flat, np.arange(10), tuple("0123456789"))
    triples = stacked(source, samples=500, seed=1)
    assert triples.image_shape == (3, 2, 2)
    places = np.asarray(triples.images)[:, :, 0, 0].astype(np.int64) // 20
    np.testing.assert_array_equal(places @ [100, 10, 1], triples.labels)
    assert triples.classes[int(triples.labels[0])] == f"{triples.labels[0]:03d}"


def test_a_thousand_modes_all_met() -> None:
    dataset = stacked_digits(resolution=(8, 8), samples=20_000)
    assert dataset.num_classes == 1000
    assert min(dataset.class_counts) > 0


def test_unlabeled_images_are_left_out() -> None:
    images = np.arange(11, dtype=np.uint8).reshape(11, 1, 1, 1)
    source = in_memory("some", images, np.array([*range(10), -1]), tuple("0123456789"))
    assert np.asarray(stacked(source, samples=300).images).max() == 9


def test_held_out_triples_come_from_held_out_digits() -> None:
    held_out = {image.tobytes() for image in np.asarray(digits(split="held-out").images)}
    triples = stacked_digits(split="held-out", samples=50)
    assert all(channel.tobytes() in held_out for image in triples.images for channel in image)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match="labeled gray images"):
        stacked(ring(samples=10))
    with pytest.raises(ValueError, match="samples is 0"):
        stacked(digits(), samples=0)
