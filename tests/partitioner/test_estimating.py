"""The estimate of a partition's time counts the steps that remain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learn_digits_partition import TINY

from everymode.data import open_images
from everymode.partitioner import PartitionStopped, estimating, learn_partition
from everymode.partitioner.estimating import estimated_seconds
from everymode.partitioner.settings import POINTS


def test_the_remaining_steps_of_each_stage_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = open_images("digits", resolution=16, limit=60)
    random = torch.random.get_rng_state()
    assert 0 < estimated_seconds(digits, TINY, tmp_path) < 60
    assert torch.equal(random, torch.random.get_rng_state())
    seconds = {"pretext": 2.0, "partition": 100.0, "fit": 3.0}
    monkeypatch.setattr(estimating, "_seconds_per_step", lambda stage: seconds[stage.name])
    both = 2 * TINY.pretext_steps + 100 * TINY.partition_steps
    assert estimated_seconds(digits, TINY, tmp_path) == both
    assert estimated_seconds(digits, replace(TINY, kmeans=True), tmp_path) == 2 * TINY.pretext_steps
    with pytest.raises(PartitionStopped):
        learn_partition(digits, TINY, tmp_path, stop=lambda: True)
    assert estimated_seconds(digits, TINY, tmp_path) == both - 2
    learn_partition(digits, TINY, tmp_path)
    assert estimated_seconds(digits, TINY, tmp_path) == 0
    ring = open_images("ring:modes=5,samples=500")
    assert estimated_seconds(ring, replace(POINTS, k=5, fit_steps=7), tmp_path / "points") == 21
