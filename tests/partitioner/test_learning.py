"""Learning a partition: files, resuming after a kill in each stage, points, k-means, errors."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from children import run
from learn_digits_partition import TINY, learn

from everymode.data import open_images
from everymode.data.synthetic import in_memory
from everymode.partitioner import (
    PartitionStopped,
    learn_partition,
    linear_partitioner,
    load_partitioner,
    multilayer_partitioner,
    parts_of,
)
from everymode.partitioner.running import require_same
from everymode.partitioner.settings import POINTS

FILES = ["config.json", "partitioner.safetensors", "parts.png", "report.json"]


@pytest.fixture(scope="module")
def digits():
    return open_images("digits").subset(range(60))


@pytest.fixture(scope="module")
def through(tmp_path_factory) -> Path:
    """Folder of a partition that was learned without interruption."""
    out = tmp_path_factory.mktemp("through") / "whole"
    learn(out)
    return out


def test_the_folder_and_the_report(digits, through):
    assert sorted(path.name for path in through.iterdir() if path.is_file()) == FILES
    report = json.loads((through / "report.json").read_text())
    assert sum(report["sizes"]) == report["images"] == 60
    assert report["max_share"] == max(report["sizes"]) / 60
    assert report["empty_parts"] == report["sizes"].count(0)
    assert len(report["start_losses"]) == 3
    assert 0 < report["neighbor_accuracy"] <= 1
    assert report["certificate"]["lower_bound"] > 0
    partitioner = load_partitioner(through)
    assert not partitioner.training
    assert not any(parameter.requires_grad for parameter in partitioner.parameters())
    sizes = torch.bincount(parts_of(partitioner, digits), minlength=4).tolist()
    assert sizes == report["sizes"]


@pytest.mark.parametrize("steps", [2, 4, 6])
def test_a_killed_run_resumes_bit_for_bit(through, tmp_path, steps):
    ended = run(learn, tmp_path / "out", steps, output=tmp_path / "killed")
    assert ended.code == -signal.SIGKILL
    assert not (tmp_path / "out" / "report.json").exists()
    ended = run(learn, tmp_path / "out", output=tmp_path / "resumed")
    assert ended.code == 0, ended.said
    weights = [(folder / "partitioner.safetensors").read_bytes() for folder in (through, tmp_path / "out")]
    assert weights[0] == weights[1]
    reports = [json.loads((folder / "report.json").read_text()) for folder in (through, tmp_path / "out")]
    assert reports[0] == reports[1]


def test_a_request_to_stop_is_heard_and_nothing_is_lost(digits, through, tmp_path):
    settings = replace(TINY, snapshot_seconds=1e6)
    for _ in range(8):
        with pytest.raises(PartitionStopped, match="stopped at step"):
            learn_partition(digits, settings, tmp_path, stop=lambda: True)
    partitioner = learn_partition(digits, settings, tmp_path)
    expected = load_partitioner(through).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in partitioner.state_dict().items())


def test_a_finished_partition_is_loaded_and_another_raises(digits, through):
    before = (through / "partitioner.safetensors").stat().st_mtime_ns
    learn_partition(digits, TINY, through)
    assert (through / "partitioner.safetensors").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"another partition.*k 4 there and 5 here"):
        learn_partition(digits, replace(TINY, k=5), through)
    with pytest.raises(ValueError, match="seed 0 there and 1 here"):
        learn_partition(digits, TINY, through, seed=1)
    identity = json.loads((through / "config.json").read_text())
    other = identity | {"layout": identity["layout"] | {"width": 7}}
    width = identity["layout"]["width"]
    with pytest.raises(ValueError, match=rf"partition \(layout.width {width} there and 7 here\)"):
        require_same(identity, other, through)
    more = identity | {"layout": identity["layout"] | {"more": 1}}
    with pytest.raises(ValueError, match=r"partition \(layout.more 1 there and none here\)"):
        require_same(more, identity, through)


def test_the_seed_decides_and_the_global_generator_does_not(digits, tmp_path):
    torch.manual_seed(1)
    first = learn_partition(digits, TINY, tmp_path / "a", seed=3)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    second = learn_partition(digits, TINY, tmp_path / "b", seed=3)
    other = learn_partition(digits, TINY, tmp_path / "c", seed=4)
    weights = [each.read_out.weight for each in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    torch.manual_seed(1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_kmeans_in_place_of_the_second_stage(digits, tmp_path):
    partitioner = learn_partition(digits, replace(TINY, kmeans=True), tmp_path)
    weight, bias = partitioner.read_out.weight, partitioner.read_out.bias
    torch.testing.assert_close(bias, -(weight / 2).square().sum(1))
    with torch.no_grad():
        features = partitioner.features(digits.gather(np.arange(60)))
    nearest = torch.cdist(features, weight / 2).argmin(1)
    assert torch.equal(parts_of(partitioner, digits), nearest)


def test_images_without_labels_get_no_scores(tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (30, 3, 8, 8), dtype=np.uint8)
    data = in_memory("noise", random, np.full(30, -1), ())
    settings = replace(TINY, jitter=0.2, mirror=True, pooled=True)
    learn_partition(data, settings, tmp_path, scores={"nmi": lambda parts, classes: 1 / 0})
    report = json.loads((tmp_path / "report.json").read_text())
    assert "nmi" not in report and "neighbor_accuracy" not in report
    assert report["certificate"]["lower_bound"] == 0
    assert "PooledHead" in report["certificate"]["reason"]


@pytest.mark.parametrize("network", [None, linear_partitioner, multilayer_partitioner])
def test_points(tmp_path, network):
    data = open_images("ring:modes=5,samples=500")
    settings = replace(POINTS, k=5, fit_steps=150)
    made = None if network is None else network(5)
    scores = {"agreement": lambda parts, classes: float(len(parts))}
    partitioner = learn_partition(data, settings, tmp_path, network=made, scores=scores)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["agreement_with_kmeans"] > 0.95
    assert report["agreement"] == 500
    assert partitioner.layout["kind"] == {None: "plane"}.get(network, partitioner.layout["kind"])
    assert (tmp_path / "parts.png").is_file()


def test_errors(digits, tmp_path):
    with pytest.raises(ValueError, match="60 images can't make 61 parts"):
        learn_partition(digits, replace(TINY, k=61), tmp_path)
    with pytest.raises(ValueError, match="lower neighbors"):
        learn_partition(digits, replace(TINY, neighbors=60), tmp_path)
    with pytest.raises(ValueError, match="can't be halved"):
        learn_partition(digits, replace(TINY, blocks=(1,) * 6), tmp_path)
    assert list(tmp_path.iterdir()) == []
