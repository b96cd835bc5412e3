"""Weights & Biases, played by a stand-in: offline by default, one run there for each stretch of training."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from toy_games import ToyRecipe, toy_data

from everymode.cli import main
from everymode.runs.run import train
from everymode.storage.run_folder import RunFolder, read_lines, require_tracker


@dataclass
class FakeRun:
    """What a run of the package is told."""

    options: dict[str, Any]
    records: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False

    def define_metric(self, name: str, step_metric: str) -> None:
        assert (name, step_metric) == ("*", "step")

    def log(self, record: dict[str, float]) -> None:
        assert not self.finished
        self.records.append(record)

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """The runs that a stand-in for the package has begun."""
    begun: list[FakeRun] = []

    def init(**options: Any) -> FakeRun:
        begun.append(FakeRun(options))
        return begun[-1]

    fake = ModuleType("wandb")
    fake.init = init
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for name in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return begun


@pytest.mark.parametrize("quiet", [False, True])
def test_a_quiet_training_silences_the_package(runs: list[FakeRun], tmp_path: Path, quiet: bool) -> None:
    recipe = ToyRecipe(steps=2, tick=1, snapshot=2)
    train(recipe, toy_data(), tmp_path, device="cpu", quiet=quiet, track="wandb")
    assert runs[0].options.get("settings") == ({"silent": True} if quiet else None)


def test_a_training_is_tracked_offline(runs: list[FakeRun], tmp_path: Path) -> None:
    recipe = ToyRecipe(steps=4, tick=2, snapshot=4)
    folder = train(recipe, toy_data(), tmp_path, device="cpu", quiet=True, track="wandb").folder
    (run,) = runs
    assert run.finished
    assert [record["step"] for record in run.records] == [2, 4]
    assert run.records == [
        {name: value for name, value in record.items() if isinstance(value, int | float)}
        for record in read_lines(folder / "log.jsonl")
    ]
    config = run.options.pop("config")
    assert config == json.loads((folder / "config.json").read_text())["recipe"]
    assert run.options == {
        "project": "everymode",
        "name": folder.name,
        "group": folder.name,
        "dir": str(folder),
        "mode": "offline",
        "settings": {"silent": True},
    }


def test_a_rollback_begins_another_run_and_the_environment_decides(
    runs: list[FakeRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    folder = RunFolder(tmp_path)
    folder.track("wandb")
    folder.add_line(folder.log, {"step": 2, "loss": 1.0, "text": "no number", "yes": True})
    folder.cut_back(1)
    folder.add_line(folder.metrics, {"step": 2, "fd": 3})
    assert [(run.options["mode"], run.records, run.finished) for run in runs] == [
        ("online", [{"step": 2, "loss": 1.0}], True),
        ("online", [{"step": 2, "fd": 3}], False),
    ]


@pytest.mark.parametrize("package", [None, ModuleType("wandb")])
def test_without_the_package_nothing_begins(
    package: ModuleType | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", package)
    assert main(["train", "omni-gan-digits", "--track", "wandb", "--out", str(tmp_path / "runs")]) == 2
    assert (
        "error: --track wandb needs the package wandb: pip install 'everymode[wandb]'"
        in capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())


def test_trackers_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"needs the package tensorboard: pip install 'everymode\[track\]'"):
        require_tracker("tensorboard")
    with pytest.raises(ValueError, match='track is "tensorboard", "wandb", "none" or None'):
        require_tracker("mlflow")
    folder = RunFolder(tmp_path)
    folder.track("none")
    folder.add_line(folder.log, {"step": 1, "loss": 0.5})
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
