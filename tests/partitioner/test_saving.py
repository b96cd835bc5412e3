"""Files of a partition: round trips, errors for damaged or missing files, atomic writes."""

from __future__ import annotations

import json

import pytest
import torch

from everymode.partitioner.network import plane_partitioner
from everymode.partitioner.saving import load_partitioner, read_state, save_partitioner, write_state


def test_a_partitioner_comes_back(tmp_path):
    partitioner = plane_partitioner(3, blocks=2, width=4)
    save_partitioner(partitioner, tmp_path, {"seed": 5})
    loaded = load_partitioner(str(tmp_path))
    points = torch.randn(4, 2)
    assert torch.equal(loaded(points), partitioner.eval()(points))
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 5
    assert not list(tmp_path.glob(".*"))


def test_a_state_comes_back_and_is_replaced(tmp_path):
    assert read_state(tmp_path) is None
    write_state(tmp_path, {"a": torch.arange(3)}, {"step": 1})
    write_state(tmp_path, {"b": torch.tensor(2.5)}, {"step": 2, "list": [1, None, "x"]})
    tensors, facts = read_state(tmp_path)
    assert tensors == {"b": torch.tensor(2.5)}
    assert facts == {"step": 2, "list": [1, None, "x"]}


def test_damaged_files_raise(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no partitioner"):
        load_partitioner(tmp_path)
    save_partitioner(plane_partitioner(3, blocks=1, width=4), tmp_path, {})
    whole = (tmp_path / "partitioner.safetensors").read_bytes()
    (tmp_path / "partitioner.safetensors").write_bytes(whole[:100])
    with pytest.raises(ValueError, match="can't be read"):
        load_partitioner(tmp_path)
    write_state(tmp_path, {"a": torch.zeros(2)}, {})
    (tmp_path / "state" / "state.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="delete it"):
        read_state(tmp_path)
