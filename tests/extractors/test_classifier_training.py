"""Training of the small classifier: its numbers, its order, its shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from everymode.draws import Draws, Rows
from everymode.extractors import classifier_training as module
from everymode.extractors.classifier_network import ClassifierNetwork
from everymode.extractors.classifier_training import ClassifierSettings


def test_input_sizes() -> None:
    settings = ClassifierSettings(largest_side=64)
    assert settings.input_size((16, 16)) == (16, 16)
    assert settings.input_size((256, 128)) == (64, 32)
    assert settings.input_size((512, 16)) == (64, 8)


@pytest.mark.parametrize("change", [{"steps": 0}, {"batch_size": 1}, {"shift": -0.1}, {"largest_side": 4}])
def test_settings_without_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} of the classifier"):
        ClassifierSettings(**change)


def test_every_image_comes_once_a_round() -> None:
    order = module._order(7, 4, 0)
    seen = np.concatenate([next(order) for _ in range(7)])
    rounds = seen.reshape(4, 7)
    assert all(sorted(each) == list(range(7)) for each in rounds.tolist())
    assert len({tuple(each) for each in rounds.tolist()}) > 1
    again = module._order(7, 4, 0)
    assert np.concatenate([next(again) for _ in range(7)]).tolist() == seen.tolist()


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [module._rate(step / 100) for step in range(100)]
    assert rates[10] == 1.0 == max(rates)
    assert 0 < rates[0] < 0.1 and rates[99] < 1e-3
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)


def test_images_are_moved_whole_with_edges_repeated() -> None:
    pixels = torch.arange(64.0).view(1, 1, 8, 8).repeat(1, 3, 1, 1)
    moves = {"rows": torch.tensor([3]), "columns": torch.tensor([0]), "mirror": torch.tensor([1])}
    # reach is 2 pixels, so draws 0 .. 4 mean -2 .. 2
    draws = Draws(0, "test", Rows.all(1), injected=moves)
    moved = module._augmented(pixels, ClassifierSettings(shift=0.25), draws)
    rows = [1, 2, 3, 4, 5, 6, 7, 7]
    columns = [0, 0, 0, 1, 2, 3, 4, 5]
    assert torch.equal(moved, pixels[:, :, rows][..., columns])
    flipped = module._augmented(pixels, ClassifierSettings(shift=0.25, mirror=True), draws)
    assert torch.equal(flipped, moved.flip(3))


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (3, (15, 33))])
def test_the_network(channels: int, size: tuple[int, int]) -> None:
    network = ClassifierNetwork(channels, 7, width=4)
    said = network(torch.rand(3, channels, *size) * 255)
    assert said.logits is not None and said.logits.shape == (3, 7)
    for layer, width in network.layers.items():
        assert said.features[layer].shape == (3, width)
    said.logits.sum().backward()
    assert all(each.grad is not None for each in network.parameters())
