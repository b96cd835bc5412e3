"""TensorBoard's files: the log's numbers where the package is installed, nothing where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from everymode.storage.run_folder import RunFolder


def test_nothing_is_written_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    folder = RunFolder(tmp_path)
    folder.add_line(folder.log, {"step": 1, "loss": 0.5})
    assert not (tmp_path / "tensorboard").exists()


def test_numbers_of_log_and_scores_can_be_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `track` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder(tmp_path)
    for step in (10, 20, 30):
        folder.add_line(
            folder.log, {"step": step, "loss/discriminator": step / 4, "note": "text", "yes": True}
        )
    folder.add_line(folder.metrics, {"step": 30, "fd": 1.5})
    resumed = RunFolder(tmp_path)  # from step 20 on: what was there of later steps is hidden
    resumed.add_line(resumed.log, {"step": 30, "loss/discriminator": -1.0})
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(found.Tags()["scalars"]) == ["fd", "loss/discriminator"]
    losses = [(event.step, event.value) for event in found.Scalars("loss/discriminator")]
    assert losses == [(10, 2.5), (20, 5.0), (30, -1.0)]
