"""Weights of the learned enlargement from files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from everymode.restoration.implicit import LocalImplicit
from everymode.restoration.implicit_weights import load_local_implicit

SETTINGS = [{}, {"unfold": False}, {"cell": False}, {"unfold": False, "cell": False, "hidden": (5,)}]


def released(state: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """The names that a released model has."""
    names = {}
    for name, value in state.items():
        name = re.sub(r"^input\.", "encoder.head.0.", name)
        name = re.sub(r"^blocks\.(\d+)\.(\d)\.", r"encoder.body.\1.body.\2.", name)
        name = re.sub(r"^last\.", f"encoder.body.{blocks}.", name)
        name = re.sub(r"^layers\.(\d+)\.", lambda match: f"imnet.layers.{2 * int(match[1])}.", name)
        names[name] = value
    return names | {
        "encoder.sub_mean.weight": torch.zeros(3, 3, 1, 1),
        "encoder.sub_mean.bias": torch.zeros(3),
    }


@pytest.mark.parametrize("options", SETTINGS)
def test_own_and_released_names(options: dict[str, object], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LocalImplicit(**{"blocks": 2, "width": 3, "hidden": (6, 4), **options})  # pyright: ignore[reportArgumentType]
    x = torch.rand(1, 3, 4, 5)
    for state in (network.state_dict(), released(network.state_dict(), 2)):
        save_file(state, tmp_path / "weights.safetensors")
        loaded = load_local_implicit(tmp_path / "weights.safetensors")
        assert torch.equal(loaded.enlarge(x, (7, 9)), network.enlarge(x, (7, 9))) and not loaded.training


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ValueError, match="there is no file"):
        load_local_implicit(path)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="no safetensors file"):
        load_local_implicit(path)
    save_file({"encoder.SFENet1.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="RDN encoders are not supported"):
        load_local_implicit(path)
    state = LocalImplicit(blocks=1, width=3).state_dict()
    del state["last.bias"]
    save_file(state, path)
    with pytest.raises(ValueError, match="does not hold a LocalImplicit"):
        load_local_implicit(path)
