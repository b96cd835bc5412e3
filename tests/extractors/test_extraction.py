"""Streams of images to features: order, passes, checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everymode.extractors.extraction import extract, extract_batches, image_batches
from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.random_convolutions import random_convolutions
from everymode.extractors.resizing import BICUBIC


class Means(nn.Module):
    """Mean of each channel, and what it saw of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Activations:
        self.sizes.append(len(images))
        means = self.drop(images.mean((2, 3)))
        return Activations({"mean": means, "first": means[:, :1]}, means)


def means(network: Any = None, **changes: Any) -> Extractor:
    values = {
        "name": "means",
        "weights_hash": "",
        "input_size": (4, 4),
        "resize": BICUBIC,
        "layers": {"mean": 3, "first": 1},
        "network": network or Means(),
        "num_classes": 3,
    }
    return Extractor(**(values | changes))


def images(count: int, size: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def test_features_are_in_order_and_in_eval_mode() -> None:
    network = Means()  # in training mode, with dropout
    some = images(11)
    done: list[int] = []
    found = extract(
        means(network), some.split(3), batch_size=4, layers=["first", "mean"], progress=done.append
    )
    torch.testing.assert_close(found.features["mean"], some.float().mean((2, 3)))
    assert list(found.features) == ["first", "mean"] and len(found) == 11
    assert network.sizes == [4, 4, 3] and done == [4, 8, 11]
    assert found.logits is not None and found.logits.dtype == torch.float32


def test_the_cut_of_the_stream_changes_nothing() -> None:
    some = images(50, 20)
    extractor = random_convolutions()
    whole = extract(extractor, [some], batch_size=16)
    for cut in (1, 7, 16, 33):
        again = extract(extractor, image_batches(some, cut), batch_size=16)
        assert torch.equal(again.features["pool"], whole.features["pool"])
    other = extract(extractor, [some.numpy()], batch_size=50)
    torch.testing.assert_close(other.features["pool"], whole.features["pool"], atol=1e-6, rtol=0)
    alone = [extract(extractor, [image[None]]).features["pool"] for image in some]
    torch.testing.assert_close(torch.cat(alone), whole.features["pool"], atol=1e-6, rtol=0)


def test_features_come_pass_by_pass() -> None:
    parts = list(extract_batches(means(), [images(5), images(4)], batch_size=2))
    assert [len(part) for part in parts] == [2, 2, 2, 2, 1]
    together = torch.cat([part.features["mean"] for part in parts])
    torch.testing.assert_close(together, torch.cat([images(5), images(4)]).float().mean((2, 3)))


def test_gray_images_and_memory_maps_are_taken(tmp_path: Any) -> None:
    gray = images(6)[:, :1].numpy()
    np.save(tmp_path / "gray.npy", gray)
    mapped = np.load(tmp_path / "gray.npy", mmap_mode="r")
    found = extract(means(), image_batches(mapped, 4))
    assert found.features["mean"].shape == (6, 3)
    torch.testing.assert_close(found.features["mean"][:, 2], torch.from_numpy(gray).float().mean((1, 2, 3)))


def test_probabilities_need_a_classifier() -> None:
    found = extract(means(), [images(3)])
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(3, dtype=torch.float64))
    silent = extract(means(num_classes=None), [images(3)])
    with pytest.raises(ValueError, match="is a classifier"):
        _ = silent.probabilities


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "empty"),
        ([images(2).float()], "uint8"),
        ([images(2)[0]], "uint8"),
        ([images(2), images(2, 5)], "one shape"),
    ],
)
def test_wrong_streams_are_refused(batches: list[Tensor], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        extract(means(), batches)


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="mean, first"):
        extract(means(), [images(2)], layers=["last"])
    with pytest.raises(ValueError, match="batch_size"):
        extract(means(), [images(2)], batch_size=0)


def test_networks_that_break_their_word_are_found_out() -> None:
    def broken(images: Tensor) -> Activations:
        values = images.mean((2, 3))
        values[values > 250] = float("nan")
        return Activations({"mean": values}, values[:, :2])

    with pytest.raises(ValueError, match=r"declares layer first .* returns None"):
        extract(means(broken), [images(2)], layers=["first"])
    with pytest.raises(ValueError, match=r"logits \[2, 3\] but returns \[2, 2\]"):
        extract(means(broken), [images(2)])
    bright = torch.cat([images(5), torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)])
    with pytest.raises(ValueError, match="NaN or infinity in layer mean, first for image 5"):
        extract(means(broken, num_classes=None), [bright], batch_size=4)
