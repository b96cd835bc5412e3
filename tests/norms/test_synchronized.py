"""Batch statistics over two real processes equal those of one process that holds both batches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from everymode.norms import BatchNorm, ConditionalBatchNorm2d
from everymode.norms.synchronized import statistics_across_ranks, world_size

SPLIT = 3  # rank 0 holds 3 rows and rank 1 the other 5, so that unequal batches are covered

WORKER = """
import sys
from functools import partial
import torch
import torch.distributed as dist
from torch import nn
from everymode.norms import BatchNorm, ConditionalBatchNorm2d, synchronize_batch_norm

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, folder = dist.get_rank(), sys.argv[1]
given = torch.load(folder + "/given.pt")
rows = slice(0, given["split"]) if rank == 0 else slice(given["split"], None)
layers = nn.ModuleList([ConditionalBatchNorm2d(3, partial(nn.Embedding, 4)), BatchNorm(3)]).double()
layers.load_state_dict(given["layers"])
synchronize_batch_norm(layers)
x = given["x"][rows].clone().requires_grad_()
out = layers[1](layers[0](x, given["labels"][rows]))
(out * given["pull"][rows]).sum().backward()
gains = [parameter.grad for parameter in layers.parameters()]
for gradient in gains:
    dist.all_reduce(gradient)
layers.eval()
result = {"out": out.detach(), "grad": x.grad, "gains": gains, "layers": layers.state_dict()}
torch.save(result, f"{folder}/rank{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.skipif(not dist.is_available(), reason="torch was built without torch.distributed")
def test_two_ranks_equal_one_process(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = nn.ModuleList([ConditionalBatchNorm2d(3, partial(nn.Embedding, 4)), BatchNorm(3)]).double()
    # A mean that is large against the deviation is where sums of squares would lose their digits.
    x = 100 + torch.randn(8, 3, 2, 2, dtype=torch.float64)
    labels, pull = torch.randint(4, (8,)), torch.randn(8, 3, 2, 2, dtype=torch.float64)
    given = {"x": x, "labels": labels, "pull": pull, "split": SPLIT, "layers": layers.state_dict()}
    torch.save(given, tmp_path / "given.pt")
    _run_two_ranks(tmp_path)

    x = x.clone().requires_grad_()
    out = layers[1](layers[0](x, labels))
    (out * pull).sum().backward()
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2)]
    tight = {"rtol": 0.0, "atol": 1e-10}
    torch.testing.assert_close(torch.cat([rank["out"] for rank in ranks]), out.detach(), **tight)
    torch.testing.assert_close(torch.cat([rank["grad"] for rank in ranks]), x.grad, **tight)
    for rank in ranks:
        for name, value in layers.state_dict().items():
            torch.testing.assert_close(rank["layers"][name], value, **tight)
        for gradient, parameter in zip(rank["gains"], layers.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad, **tight)


def test_statistics_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert world_size() == 1
    monkeypatch.setattr("everymode.norms.synchronized._gather", lambda row: row.unsqueeze(0))
    x = torch.randn(4, 3, 5, dtype=torch.float64)
    mean, variance, count = statistics_across_ranks(x)
    torch.testing.assert_close(mean, x.mean((0, 2)))
    torch.testing.assert_close(variance, x.var((0, 2), correction=0))
    assert count.item() == 20


def _run_two_ranks(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = folder / "worker.py"
    script.write_text(WORKER)
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    common = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            env={**common, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for rank in ranks:
            output, _ = rank.communicate(timeout=120)
            assert rank.returncode == 0, output
    finally:
        for rank in ranks:
            rank.kill()
