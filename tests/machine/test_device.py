"""Which device a name means, and what is said of names that mean none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_games import ToyRecipe, toy_data, toy_trainer

import everymode
from everymode.cli import main
from everymode.extractors.extraction import extract
from everymode.extractors.finding import find_extractor
from everymode.machine.device import checked_device, find_device
from everymode.partitioner.settings import PartitionSettings


def test_a_name_or_nothing_means_a_device() -> None:
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")
    assert find_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(ValueError, match='device is "cpu", "cuda" or "cuda:1", not \'cdua\''):
        find_device("cdua")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch sees no GPU: leave --device out"):
            find_device("cuda:1")


HERE = {
    "mps": torch.backends.mps.is_available(),
    "cuda": torch.cuda.is_available(),
    "xpu": torch.xpu.is_available(),
}


@pytest.mark.parametrize("name", [name for name, there in HERE.items() if not there])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name: str) -> None:
    for find in (find_device, checked_device):
        with pytest.raises(
            ValueError, match=f"device {name} is requested, but torch sees no .*GPU: leave --device"
        ):
            find(f"{name}:0")


@pytest.mark.parametrize("name", ["meta", "cuda:x", 1.5])
def test_what_computes_nothing_is_no_device(name: object) -> None:
    with pytest.raises(ValueError, match=f'device is "cpu", "cuda" or "cuda:1", not \'?{name}'):
        find_device(name)


def test_a_gpu_too_many_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert checked_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(
        ValueError, match=r"cuda:2 is requested, but torch sees 2, .*: use cuda:0 to cuda:1, or leave"
    ):
        checked_device("cuda:2")


@pytest.mark.skipif(HERE["mps"], reason="is about machines without an Apple GPU")
def test_every_function_that_takes_a_device_checks_it(tmp_path: Path) -> None:
    images = np.zeros((4, 1, 8, 8), np.uint8)
    calls: dict[str, Callable[[], object]] = {
        "train": lambda: everymode.train("omni-gan-digits", out=tmp_path, device="mps"),
        "load": lambda: everymode.load(tmp_path, device="mps"),
        "evaluate": lambda: everymode.evaluation.evaluate(tmp_path, tmp_path, device="mps"),
        "prepare_reference": lambda: everymode.evaluation.prepare_reference("digits", device="mps"),
        "learn_partition": lambda: everymode.partitioner.learn_partition(
            toy_data(), PartitionSettings(), tmp_path, device="mps"
        ),
        "extract": lambda: extract(find_extractor("random:8"), [images], device="mps"),
        "Trainer": lambda: toy_trainer(ToyRecipe(), device="mps"),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match="torch sees no Apple GPU"):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(HERE["mps"], reason="is about machines without an Apple GPU")
@pytest.mark.parametrize(
    "words",
    [
        ["train", "omni-gan-digits", "--out", "runs"],
        ["sample", "run"],
        ["evaluate", "run", "--real", "digits"],
        ["partition", "--data", "digits", "--out", "parts"],
    ],
)
def test_commands_refuse_it_in_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--device", "mps"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: device mps is requested, but torch sees no Apple GPU")
    assert not list(tmp_path.iterdir())
