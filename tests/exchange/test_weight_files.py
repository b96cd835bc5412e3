"""State dicts of other projects: what is read, and what is rejected without being executed."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from everymode.exchange.weight_files import read_state_dict

Saved = Callable[..., Path]
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    def call(content: object, name: str = "weights.pth", **options: Any) -> Path:
        torch.save(content, tmp_path / name, **options)
        return tmp_path / name

    return call


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class Code:
    """A pickle of it calls a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.reduced


def test_state_dicts_in_all_their_forms(saved: Saved, tmp_path: Path) -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(2))])
    for content in (
        STATE,
        {"state_dict": STATE, "optimizer": optimizer.state_dict()},
        {f"module.{name}": value for name, value in STATE.items()},
        {name: nn.Parameter(value) for name, value in STATE.items()},
    ):
        assert same(read_state_dict(saved(content)), STATE)
        assert same(read_state_dict(saved(content, _use_new_zipfile_serialization=False)), STATE)
    save_file(STATE, tmp_path / "weights.safetensors")
    assert same(read_state_dict(tmp_path / "weights.safetensors"), STATE)
    assert not any(value.requires_grad for value in read_state_dict(saved(content)).values())


def test_numpy_scalars_of_studiogan_are_let_through_and_not_made(saved: Saved) -> None:
    file = saved({"state_dict": STATE, "best_fid": np.float64(3.5), "step": 7, "run_name": "x"})
    with pytest.raises(Exception, match="numpy"):
        torch.load(file, weights_only=True)
    before = torch.serialization.get_safe_globals()
    assert same(read_state_dict(file), STATE)
    assert torch.serialization.get_safe_globals() == before
    older = saved({"state_dict": STATE, "best_fid": np.float64(3.5)}, _use_new_zipfile_serialization=False)
    older.write_bytes(older.read_bytes().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    assert same(read_state_dict(older), STATE)
    with pytest.raises(ValueError, match="is not a state dict: best_fid is not a tensor"):
        read_state_dict(saved({**STATE, "best_fid": np.float64(3.5)}))
    with pytest.raises(ValueError, match=r"numpy.*reconstruct.*executes nothing"):
        read_state_dict(saved({"state_dict": STATE, "array": np.ones(3)}))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_rejected_and_not_executed(saved: Saved, tmp_path: Path, zipped: bool) -> None:
    witness = tmp_path / "executed"
    for code, name in (
        (Code(os.system, f"touch {witness}"), "system"),
        (Code(os.mkdir, str(witness)), "mkdir"),
        (Code(eval, f"open({str(witness)!r}, 'w')"), "eval"),
    ):
        file = saved({"state_dict": STATE, "x": code}, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match=rf"holds code or objects besides tensors \(\w*\.?{name}\)"):
            read_state_dict(file)
    assert not witness.exists()
    with pytest.raises(ValueError, match="holds code or objects besides tensors"):
        read_state_dict(saved(nn.Linear(2, 2), _use_new_zipfile_serialization=zipped))


def test_other_contents_are_rejected(saved: Saved, tmp_path: Path) -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(2))])
    for content, message in (
        (optimizer.state_dict(), "the state of an optimizer"),
        ({"epoch": 3, "itr": 5}, "is not a state dict: epoch, itr is not a tensor"),
        (torch.ones(3), "holds one tensor"),
        ([torch.ones(3)], "holds a list"),
        ({}, "an empty dictionary"),
        ({3: torch.ones(3)}, "not a tensor with a name"),
        ({"a": torch.ones(1), "module.a": torch.ones(1)}, "with and without a leading 'module.'"),
        ({"a": torch.eye(3).to_sparse()}, "holds a as a sparse_coo tensor"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "complex64"),
        ({"a": torch.ones(1).expand(10**6, 10**6)}, "its tensors claim 4,000,000,000,000"),
    ):
        with pytest.raises(ValueError, match=message):
            read_state_dict(saved(content))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_state_dict(tmp_path / "none.pth")
    with pytest.raises(ValueError, match="is not a file"):
        read_state_dict(tmp_path)
    with zipfile.ZipFile(tmp_path / "script.pth", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
    with pytest.raises(ValueError, match="TorchScript"):
        read_state_dict(tmp_path / "script.pth")


def test_files_of_other_kinds_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    for content in (b"", b"text", b"\x80\x02}q\x00.", b"\x89HDF\r\n\x1a\n" + bytes(100), bytes(1000)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"damaged, or not a file of torch\.save|not a state dict"):
            read_state_dict(file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(ValueError, match="compressed zip file"):
        read_state_dict(file)
    (tmp_path / "weights.safetensors").write_bytes(b"text")
    with pytest.raises(ValueError, match="not a safetensors file"):
        read_state_dict(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_damaged_files_never_load_other_weights(saved: Saved, tmp_path: Path, count: int) -> None:
    content = saved(STATE).read_bytes()
    choice = random.Random(5)
    file = tmp_path / "damaged.pth"
    loaded = 0
    for number in range(count):
        damaged = bytearray(content)
        if number % 2:
            damaged = damaged[: choice.randrange(len(content))]
        else:
            damaged[choice.randrange(len(content))] ^= 1 << choice.randrange(8)
        file.write_bytes(damaged)
        try:
            state = read_state_dict(file)
        except ValueError as error:
            assert str(error).startswith(str(file))
        else:  # a byte that has no meaning, such as padding
            loaded += 1
            assert same(state, STATE)
    assert loaded < count / 2


def test_one_changed_bit_of_a_weight_is_noticed(saved: Saved) -> None:
    file = saved({"a": torch.full((1000,), 1.5)})
    content = bytearray(file.read_bytes())
    content[content.index(torch.full((1000,), 1.5).numpy().tobytes()) + 2000] ^= 1
    file.write_bytes(content)
    assert not torch.load(file, weights_only=True)["a"].eq(1.5).all()  # torch doesn't notice
    with pytest.raises(ValueError, match=r"damaged \(checksum of .*data/0\)"):
        read_state_dict(file)


def test_a_record_that_is_shorter_than_its_tensor_is_rejected(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(16.0)}, buffer)
    file = tmp_path / "short.pth"
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(file, "w") as archive:
        for name in whole.namelist():
            data = whole.read(name)
            archive.writestr(name, data.replace(b"K\x10", b"M\x00\x40") if name.endswith(".pkl") else data)
    with pytest.raises(ValueError, match="damaged"):
        read_state_dict(file)
