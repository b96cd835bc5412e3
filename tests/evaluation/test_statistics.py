"""One pass over a side: the same numbers as from all features at once, whatever is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from everymode.evaluation.statistics import Images, collect
from everymode.extractors.extraction import extract
from everymode.extractors.extractor import Activations
from everymode.extractors.random_convolutions import random_convolutions

PIXELS = torch.randint(0, 256, (150, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()


def side(pixels=PIXELS, batch=33, **more):
    facts = {"count": len(pixels)}
    return Images(
        name="made",
        count=len(pixels),
        batches=lambda: iter(pixels.split(batch)),
        labels=np.arange(len(pixels)) % 4,
        classes=("a", "b", "c", "d"),
        facts=facts,
        take=lambda rows: pixels[rows],
        **more,
    )


def test_moments_and_features_are_those_of_all_images():
    extractor = random_convolutions(16)
    found = collect(side(), extractor)
    everything = extract(extractor, [PIXELS])
    features = everything.features["pool"].double().numpy()
    assert found.count == 150
    assert found.is_whole
    np.testing.assert_allclose(found.mean.numpy(), features.mean(0), atol=1e-10)
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(features.T), atol=1e-10)
    assert torch.equal(found.features, everything.features["pool"])
    assert torch.equal(found.logits, everything.logits)
    assert found.labels.tolist() == [row % 4 for row in range(150)]


def test_a_bound_on_features_changes_no_moment():
    extractor = random_convolutions(16)
    whole, some = collect(side(), extractor), collect(side(batch=10), extractor, max_features=20)
    assert torch.equal(whole.covariance, some.covariance)
    assert len(some.features) == 20
    assert not some.is_whole
    assert torch.equal(some.features, whole.features[some.rows])
    assert torch.equal(some.labels, whole.labels[some.rows])
    assert torch.equal(some.logits, whole.logits[some.rows])


def test_another_layer():
    assert collect(side(), random_convolutions(16), layer="stage2").width == 32


def test_class_counts():
    assert side().class_counts == (38, 38, 37, 37)


def test_empty_sides_and_wrong_counts_are_refused():
    with pytest.raises(ValueError, match="at least 2 on each side"):
        collect(side(PIXELS[:1]), random_convolutions(16))
    with pytest.raises(ValueError, match="announced 151 images but gave 150"):
        collect(replace(side(), count=151, labels=np.zeros(151, np.int64)), random_convolutions(16))


def test_features_that_are_not_finite_are_refused():
    extractor = random_convolutions(16)

    def network(images):
        said = extractor.network(images)
        return Activations({**said.features, "pool": said.features["pool"] * float("nan")}, said.logits)

    with pytest.raises(ValueError, match="NaN or infinity"):
        collect(side(), replace(extractor, network=network))
