"""Distance and coverage within clusters."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from everymode.data.dataset import Dataset
from everymode.evaluation.cluster_scores import score_clusters
from everymode.sampling.generator import Generator


def bright(level: int, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(level, level + 40, (count, 1, 8, 8), dtype=np.uint8)


def drawing(levels: dict[int, int]) -> Generator:
    """A stand-in that draws images of one brightness for each cluster."""

    def sample(n: int, label: int, seed: int = 0, **_: Any) -> torch.Tensor:
        return torch.from_numpy(bright(levels[label], n, 1000 + seed + label)).float() / 127.5 - 1

    return cast(Generator, SimpleNamespace(sample=sample, device=torch.device("cpu")))


def test_a_cluster_that_is_drawn_wrong_is_far_and_not_covered(tmp_path: Path) -> None:
    images = np.concatenate([bright(0, 30, 0), bright(80, 30, 1), bright(40, 3, 2)])
    labels = np.repeat([0, 1, 3], [30, 30, 3])
    data = Dataset("images", images, np.full(63, -1), (), "f" * 32)
    generator = drawing({0: 0, 1: 0, 3: 40})
    scores = score_clusters(generator, data, labels, 4, samples=20, extractor="random:16", cache_dir=tmp_path)
    assert scores.distances[2] is None and scores.coverages[2] is None, "an empty cluster"
    assert scores.coverages[3] is None, "too few images for balls"
    near, far = scores.distances[:2]
    assert near is not None and far is not None and far > 5 * near
    assert (scores.coverages[0] or 0) > 0.5 and scores.coverages[1] == 0
    assert scores.few == (True,) * 4 and scores.samples == 20


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    data = Dataset("images", bright(0, 5, 0), np.full(5, -1), (), "f" * 32)
    with pytest.raises(ValueError, match="4 labels for 5 images"):
        score_clusters(drawing({}), data, np.zeros(4, np.int64), 1, extractor="random", cache_dir=tmp_path)
    points = Dataset("ring", np.zeros((5, 2), np.float32), np.full(5, -1), (), "f" * 32)
    with pytest.raises(ValueError, match="points"):
        score_clusters(drawing({}), points, np.zeros(5, np.int64), 1, extractor="random", cache_dir=tmp_path)
