"""Checkpoints: whole or not there, damage is found, what was put in comes out, and no file holds code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from toy_games import ToyRecipe, differences, leaves, toy_trainer

from everymode.storage import checkpoint as files
from everymode.storage.checkpoint import (
    DamagedCheckpoint,
    newest_of_run,
    newest_valid,
    prune,
    read_state,
    verify,
    write_checkpoint,
)
from everymode.storage.run_folder import RunFolder

WEIGHTS = {"weight": torch.arange(6.0).view(2, 3)}


def write(folder: Path, step: int, state: dict[str, Any] | None = None) -> Path:
    return write_checkpoint(
        folder, step, generator=WEIGHTS, config={"step": step}, state=state or {"step": step}
    )


def test_a_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 4, 4)
    state = {
        "completed": 7,
        "scale": 0.5,
        "name": "run",
        "nothing": None,
        "flag": True,
        "empty": {},
        "none left": [],
        "tensors": {
            "half": torch.tensor([1.0, -2.5], dtype=torch.bfloat16),
            "double": torch.tensor(1 / 3, dtype=torch.float64),
            "counter": torch.tensor(3),
            "words": torch.arange(4, dtype=torch.int32),
            "flags": torch.tensor([True, False]),
            "channels last": image.contiguous(memory_format=torch.channels_last),
            "part of another": image[:, 1],
            "turned": torch.randn(3, 2).T,
            "no rows": torch.zeros(0, 3),
        },
        "list": [torch.ones(1), {"deep": torch.zeros(2)}, "text"],
        "tensor": {"tensor": "a word"},
        "value": {"dict": 1, "list": [1, 2]},
    }
    back = read_state(write(tmp_path, 1, state))
    assert differences(state | {"list": {}}, back | {"list": {}}) == []
    first, second, third = back["list"]
    assert (
        torch.equal(first, torch.ones(1)) and torch.equal(second["deep"], torch.zeros(2)) and third == "text"
    )


def test_tensors_that_share_memory_are_kept_apart(tmp_path: Path) -> None:
    shared = torch.arange(4.0)
    back = read_state(write(tmp_path, 1, {"one": shared, "two": shared, "view": shared[1:]}))
    back["one"].zero_()
    assert back["two"].tolist() == [0, 1, 2, 3]
    assert back["view"].tolist() == [1, 2, 3]


def test_keys_with_slashes_are_not_mixed_up(tmp_path: Path) -> None:
    back = read_state(write(tmp_path, 1, {"a/b": {"c": torch.ones(1)}, "a": {"b/c": torch.zeros(1)}}))
    assert back["a/b"]["c"].tolist() == [1]
    assert back["a"]["b/c"].tolist() == [0]


def test_a_state_without_tensors(tmp_path: Path) -> None:
    assert read_state(write(tmp_path, 3, {"completed": 3})) == {"completed": 3}


@pytest.mark.parametrize(
    "name", ["generator.safetensors", "config.json", "state/state.safetensors", "state/state.json"]
)
def test_damage_is_found_and_named(tmp_path: Path, name: str) -> None:
    checkpoint = write(tmp_path, 1, {"x": torch.ones(100)})
    verify(checkpoint)
    path = checkpoint / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DamagedCheckpoint, match=path.name):
        read_state(checkpoint)
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(DamagedCheckpoint, match="size or checksum differs"):
        verify(checkpoint)
    path.unlink()
    with pytest.raises(DamagedCheckpoint, match=f"lacks the file {name}"):
        verify(checkpoint)
    path.write_bytes(whole)
    verify(checkpoint)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"config.json": 4}', '{"config.json": ["x"]}'])
def test_an_unreadable_manifest_is_damage(tmp_path: Path, text: str) -> None:
    checkpoint = write(tmp_path, 1)
    (checkpoint / files.MANIFEST).write_text(text)
    with pytest.raises(DamagedCheckpoint, match="manifest"):
        verify(checkpoint)


def test_a_missing_manifest_is_damage(tmp_path: Path) -> None:
    (tmp_path / "step-0000004").mkdir()
    with pytest.raises(DamagedCheckpoint, match="no readable manifest"):
        verify(tmp_path / "step-0000004")


def test_the_newest_whole_checkpoint_is_found(tmp_path: Path) -> None:
    said: list[str] = []
    assert newest_valid(tmp_path, said.append) is None
    assert newest_valid(tmp_path / "not there", said.append) is None
    for step in (2, 10, 9):
        write(tmp_path, step)
    (tmp_path / ".step-0000011.writing").mkdir()
    (tmp_path / "step-last").mkdir()
    (tmp_path / "step-0000012").write_text("a file")
    assert newest_valid(tmp_path, said.append) == tmp_path / "step-0000010"
    assert said == []
    (tmp_path / "step-0000010" / "config.json").write_text("{}")
    assert newest_valid(tmp_path, said.append) == tmp_path / "step-0000009"
    assert len(said) == 1 and "skipping" in said[0] and "step-0000010" in said[0]


def test_a_run_without_a_whole_checkpoint_says_which_kind_it_is(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FileNotFoundError, match="no checkpoint yet: train it until its first snapshot"):
        newest_of_run(tmp_path)
    damaged = write(tmp_path / "checkpoints", 3)
    (damaged / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"every checkpoint of .* is damaged"):
        newest_of_run(tmp_path)
    said = capsys.readouterr()
    assert "skipping" in said.err and said.out == ""  # stdout belongs to what was asked for, such as --json
    write(tmp_path / "checkpoints", 2)
    assert newest_of_run(tmp_path).name == "step-0000002"


def test_prune_keeps_the_last_two_and_those_asked_for(tmp_path: Path) -> None:
    for step in (1, 2, 3, 10_000_000, 5):
        write(tmp_path, step)
    (tmp_path / ".step-0000004.writing").mkdir()
    (tmp_path / "notes").mkdir()
    prune(tmp_path, keep=[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "notes",
        "step-0000001",
        "step-0000005",
        "step-10000000",
    ]


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    def full_for_safetensors(*arguments: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    for function, refusal in (
        ("_write_json", full),
        ("save_file", full),
        ("save_file", full_for_safetensors),
    ):
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
            patched.setattr(files, function, refusal)
            write(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000001"]


def test_a_kill_before_the_rename_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        write(tmp_path, 2)
    assert files.checkpoints(tmp_path) == [tmp_path / "step-0000001"]
    assert newest_valid(tmp_path, print) == tmp_path / "step-0000001"
    assert read_state(write(tmp_path, 2)) == {"step": 2}
    assert not list(tmp_path.glob(".step*"))


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, 1, {"value": 1})
    assert read_state(write(tmp_path, 1, {"value": 2})) == {"value": 2}


def test_a_full_disk_costs_the_checkpoint_but_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from everymode.machine.progress import Progress

    folder = RunFolder.create(tmp_path, "full")
    recipe = ToyRecipe(steps=4, snapshot=2)
    trainer = toy_trainer(recipe, folder=folder, progress=Progress(4))
    save_file = files.save_file

    def full_at_step_2(tensors: object, path: Path) -> None:
        if "0000002" in str(path):
            raise OSError(28, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr(files, "save_file", full_at_step_2)
    trainer.run()
    names = [path.name for path in files.checkpoints(folder.checkpoints)]
    assert names == ["step-0000000", "step-0000004"]
    said = capsys.readouterr().out
    assert "the checkpoint of step 2 could not be written" in said and "free some space" in said


def test_a_full_disk_stops_no_run_before_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from everymode.machine.progress import Progress

    folder = RunFolder.create(tmp_path, "full")
    trainer = toy_trainer(ToyRecipe(steps=4, snapshot=2), folder=folder, progress=Progress(4))

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_checkpoint", full)
    monkeypatch.setattr("everymode.training.trainer.save_curves", full)
    monkeypatch.setattr(RunFolder, "add_line", full)
    monkeypatch.setattr(RunFolder, "write_status", full)
    with pytest.raises(OSError, match="No space left"):
        trainer.run()
    assert trainer.completed == 4
    said = capsys.readouterr().out
    for what in ("the checkpoint of step 2", "a line of the log", "the curves", "status.json"):
        assert f"{what} could not be written" in said


def test_no_file_of_a_run_holds_code(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    toy_trainer(ToyRecipe(steps=4), folder=folder).run()
    written = [path for path in folder.path.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} == {".safetensors", ".json", ".jsonl", ".png"}
    for path in written:
        content = path.read_bytes()
        # Pickles start with 0x80, zip archives (torch.save) with PK.
        assert content[:1] != b"\x80" and content[:2] != b"PK", path
        if path.suffix == ".json":
            json.loads(content)
        if path.suffix == ".safetensors":
            assert content[8:9] == b"{"


def test_the_config_says_which_step_the_checkpoint_is_of(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    toy_trainer(ToyRecipe(steps=4), folder=folder, config={"recipe": "toy"}).run()
    config = json.loads((folder.checkpoints / "step-0000004" / "config.json").read_text())
    assert config == {"recipe": "toy", "step": 4}
    state = read_state(folder.checkpoints / "step-0000004")
    assert all(not isinstance(leaf, torch.Tensor) or leaf.device.type == "cpu" for _, leaf in leaves(state))
