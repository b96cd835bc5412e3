"""Kept classifiers are whole or not there; damage is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from everymode.extractors.classifier_cache import RECORD, WEIGHTS, cached_classifier, cached_folder
from everymode.extractors.hashing import tensors_hash

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}


def record() -> dict[str, object]:
    return {
        "settings": {"steps": 1},
        "held_out_accuracy": 0.5,
        "held_out_count": 2,
        "weights_hash": tensors_hash(TENSORS),
    }


def test_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", "/somewhere")
    assert cached_folder() == Path("/somewhere")
    assert cached_folder("/else") == Path("/else")
    monkeypatch.delenv("EVERYMODE_CACHE")
    assert cached_folder().parts[-2:] == (".cache", "everymode")


def test_written_and_read(tmp_path: Path) -> None:
    kept = cached_classifier("my / digits", "0123", tmp_path)
    assert kept.read() is None
    kept.write(record(), TENSORS)
    found = kept.read()
    assert found is not None and found[0] == record()
    assert torch.equal(found[1]["a"], TENSORS["a"])
    assert [path.name for path in (tmp_path / "classifiers").iterdir()] == ["my-digits-0123"]
    kept.write(record(), TENSORS)
    assert len(list((tmp_path / "classifiers").iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "no record", "no weights", "wrong record"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    kept = cached_classifier("digits", "0123", tmp_path)
    kept.write(record(), TENSORS)
    weights = kept.path / WEIGHTS
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-4])
    elif damage == "flipped":
        data = bytearray(weights.read_bytes())
        data[-5] ^= 1
        weights.write_bytes(bytes(data))
    elif damage == "no record":
        (kept.path / RECORD).unlink()
    elif damage == "no weights":
        weights.unlink()
    else:
        (kept.path / RECORD).write_text("[]")
    with pytest.warns(UserWarning, match="is damaged.*trained again"):
        assert kept.read() is None
    kept.write(record(), TENSORS)
    assert kept.read() is not None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = cached_classifier("digits", "0123", tmp_path / "file")
    with pytest.warns(UserWarning, match="EVERYMODE_CACHE"):
        kept.write(record(), TENSORS)
