"""Parts beside classes: the rows of the table, by hand and on digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.data.opening import open_images
from experiments.partition_quality import Quality, quality, rivals, table


def test_quality_by_hand() -> None:
    classes = torch.tensor([0, 0, 1, 1])
    exact = quality("exact", torch.tensor([2, 2, 0, 0]), 4, classes)
    assert exact == Quality("exact", 4, pytest.approx(1.0), 1.0, 0.5, 2)
    none = quality("none", torch.tensor([0, 1, 0, 1]), 2, classes)
    assert (none.nmi, none.purity) == (pytest.approx(0.0), 0.5)


def test_kmeans_beats_chance_on_digits() -> None:
    data = open_images("digits:train", progress=False)
    images = data.gather(np.arange(300))
    found = rivals(images, torch.from_numpy(data.labels[:300]), (5, 10), extractor="random", seed=0)
    assert [each.k for each in found] == [5] * 3 + [10] * 3
    chance, pixels, features = found[3:]
    assert chance.nmi < 0.2 < 0.5 < pixels.nmi
    assert features.name == "k-means on random"
    assert table(found).splitlines()[2].startswith("| 5 | random | ")
