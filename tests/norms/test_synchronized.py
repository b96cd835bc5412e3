"""Batch statistics over two real processes equal those of one process that holds both batches."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from children import run_ranks
from normalize_on_ranks import normalize_on_ranks
from torch import nn

from everymode.norms import BatchNorm, ConditionalBatchNorm2d
from everymode.norms.synchronized import statistics_across_ranks, world_size

SPLIT = 3  # rank 0 holds 3 rows and rank 1 the other 5, so that unequal batches are covered


@pytest.mark.skipif(not dist.is_available(), reason="torch was built without torch.distributed")
def test_two_ranks_equal_one_process(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = nn.ModuleList([ConditionalBatchNorm2d(3, partial(nn.Embedding, 4)), BatchNorm(3)]).double()
    # A mean that is large against the deviation is where sums of squares would lose their digits.
    x = 100 + torch.randn(8, 3, 2, 2, dtype=torch.float64)
    labels, pull = torch.randint(4, (8,)), torch.randn(8, 3, 2, 2, dtype=torch.float64)
    given = {"x": x, "labels": labels, "pull": pull, "split": SPLIT, "layers": layers.state_dict()}
    torch.save(given, tmp_path / "given.pt")
    for ended in run_ranks(2, normalize_on_ranks, tmp_path, output=tmp_path / "said"):
        assert ended.code == 0, ended.said

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
