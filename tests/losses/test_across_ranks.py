"""Terms that compare rows or depend on means: two processes, with half of the batch each, agree with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from children import run_ranks
from losses_on_ranks import gradients_of_terms, save_gradients_of_terms

from everymode.losses.across_ranks import mean_of_all_ranks, number_of_ranks, rows_of_all_ranks
from everymode.machine.distributed import World


def test_two_processes_agree_with_one(tmp_path: Path) -> None:
    for ended in run_ranks(2, save_gradients_of_terms, tmp_path, output=tmp_path / "said"):
        assert ended.code == 0, ended.said
    found = json.loads((tmp_path / "found.json").read_text())
    expected = gradients_of_terms(World())
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers, rel=1e-10, abs=1e-13), name
        assert max(map(abs, numbers[5:])) > 1e-3, name


def test_one_process_sees_its_own_rows_only() -> None:
    rows = torch.randn(3, 2, requires_grad=True)
    assert number_of_ranks() == 1
    assert rows_of_all_ranks(rows) is rows
    mean = mean_of_all_ranks(rows)
    assert torch.equal(mean, rows) and not mean.requires_grad
