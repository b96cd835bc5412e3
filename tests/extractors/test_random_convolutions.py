"""The random extractor is the same network on every machine, and tells images apart."""

from __future__ import annotations

import pytest
import torch

from everymode.extractors.extraction import extract
from everymode.extractors.random_convolutions import RandomConvolutions, random_convolutions

PINNED = "a27223a519f268c53e73c6116841f74a2dc6126d749634bf887f0512790ab644"


def test_the_weights_are_pinned() -> None:
    state = torch.get_rng_state()
    assert random_convolutions().weights_hash == PINNED
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)
    assert random_convolutions(64).weights_hash == PINNED
    first, again, other = (RandomConvolutions(seed).first.weight for seed in (1, 1, 0))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.abs().max() <= (6 / 27) ** 0.5 < 1.1 * first.abs().max()


def test_features() -> None:
    images = torch.randint(0, 256, (4, 3, 20, 12), dtype=torch.uint8)
    extractor = random_convolutions(16)
    found = extract(extractor, [images], layers=["pool", "stage2"])
    assert found.features["pool"].shape == (4, 64) and found.features["stage2"].shape == (4, 32)
    assert found.logits is not None and found.logits.shape == (4, 10)
    assert (found.features["pool"].std(0) > 0).float().mean() > 0.5
    assert extractor.metric_name("fd") == "fd-random-16"
    with pytest.raises(ValueError, match="at least 8"):
        random_convolutions(4)
