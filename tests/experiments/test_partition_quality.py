"""Parts beside classes: the rows of the table, by hand and on digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from everymode.data.opening import open_images
from everymode.partitioner import PartitionSettings, learn_partition
from experiments.partition_quality import Quality, learned, quality, rivals, table


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


def test_a_learned_partition_and_kmeans_on_its_features(tmp_path: Path) -> None:
    data = open_images("digits:train", resolution=8, limit=60, progress=False)
    settings = PartitionSettings(
        k=3,
        blocks=(0, 1),
        width=4,
        full_width=8,
        pretext_steps=2,
        pretext_batch=16,
        starts=1,
        start_steps=2,
        partition_steps=1,
        partition_batch=16,
        neighbors=2,
    )
    learn_partition(data, settings, tmp_path / "parts3")
    found = learned(tmp_path / "parts3", data, (4,), seed=0)
    assert [(each.name, each.k) for each in found] == [
        ("partition parts3", 3),
        ("k-means on features of parts3", 4),
    ]
    assert found[1].nmi > 0.3
