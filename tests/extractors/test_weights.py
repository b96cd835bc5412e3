"""Weights from files: tensors only, every one in its place, and a sentence where that is not so."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from everymode.extractors.weights import frozen, load_weights, read_weights, weights_path


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_both_formats_load_and_are_hashed(tmp_path: Path) -> None:
    stored = network()
    torch.save(stored.state_dict(), tmp_path / "a.pth")
    save_file(stored.state_dict(), tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        file = read_weights(weights_path(tmp_path / name))
        assert file.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        fresh = network()
        load_weights(fresh, file, "a test")
        assert torch.equal(fresh[0].weight, stored[0].weight)


def test_counters_of_batch_normalization_may_be_absent(tmp_path: Path) -> None:
    tensors = {name: value for name, value in network().state_dict().items() if "num_batches" not in name}
    torch.save(tensors, tmp_path / "a.pth")
    load_weights(network(), read_weights(tmp_path / "a.pth"), "a test")


def test_other_networks_are_named(tmp_path: Path) -> None:
    tensors = network().state_dict()
    tensors["2.weight"] = torch.zeros(3)
    tensors["0.bias"] = torch.zeros(5)
    del tensors["1.bias"]
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"does not hold a test.*1\.bias.*2\.weight.*0\.bias \[5\]"):
        load_weights(network(), read_weights(tmp_path / "a.pth"), "a test")


class Runs:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("ran",)


def test_files_of_other_kinds_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pth").write_bytes(b"nothing of the kind")
    (tmp_path / "a.safetensors").write_bytes(b"neither")
    torch.save({"a": Runs()}, tmp_path / "runs.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    for name, words in (
        ("a.pth", "not a file of PyTorch tensors"),
        ("a.safetensors", "not a complete"),
        ("runs.pth", "not a file of PyTorch tensors"),
        ("list.pth", "holds list"),
    ):
        with pytest.raises(ValueError, match=words):
            read_weights(tmp_path / name)
    assert "ran" not in capsys.readouterr().out


def test_missing_files_and_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="no weights file"):
        weights_path(tmp_path / "none.pth")
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match="download it by other means"):
        weights_path("http://127.0.0.1:9/a.pth")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("announced", [5, 9])
def test_an_address_is_downloaded_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: int
) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path))
    asked: list[str] = []

    class Answer(io.BytesIO):
        headers = {"Content-Length": str(announced)}  # noqa: RUF012

    monkeypatch.setattr(
        "urllib.request.urlopen", lambda address, timeout: asked.append(address) or Answer(b"bytes")
    )
    if announced == 5:
        path = weights_path("https://example.org/w/net.pth")
        assert path.read_bytes() == b"bytes" and path.name.endswith("net.pth")
        assert weights_path("https://example.org/w/net.pth") == path and len(asked) == 1
        assert weights_path("https://example.org/other/net.pth") != path
    else:
        with pytest.raises(FileNotFoundError, match="5 of 9 bytes"):
            weights_path("https://example.org/w/net.pth")
        assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_frozen_is_fixed() -> None:
    fixed = frozen(network().double())
    assert not fixed.training and not any(each.requires_grad for each in fixed.parameters())
    assert fixed[0].weight.dtype == torch.float32
