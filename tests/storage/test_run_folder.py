"""The run folder: numbers, small files, and logs that are cut back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everymode.storage.run_folder import RunFolder, nearest_run, read_lines
from everymode.storage.writing_process import is_alive


def test_folders_are_numbered_after_the_highest(tmp_path: Path) -> None:
    names = [RunFolder.create(tmp_path / "runs", "omni gan/../x: y").path.name for _ in range(2)]
    assert names == ["00000-omni-gan-..-x-y", "00001-omni-gan-..-x-y"]
    (tmp_path / "runs" / "00041-other").mkdir()
    (tmp_path / "runs" / "00099-a-file").write_text("")
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "²-no-number").mkdir()
    folder = RunFolder.create(tmp_path / "runs", "next")
    assert folder.path.name == "00042-next"
    assert folder.samples.is_dir() and folder.checkpoints.is_dir()


def test_a_number_that_another_process_takes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir
    taken = []

    def taken_once(path: Path, *arguments: object, **options: object) -> None:
        if path.name == "00000-mine" and not taken:
            taken.append(path)
            mkdir(path)
            raise FileExistsError
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", taken_once)
    assert RunFolder.create(tmp_path, "mine").path.name == "00001-mine"


def test_config_and_status(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    with pytest.raises(FileNotFoundError, match=r"is not a run folder: it has no config\.json"):
        folder.read_config()
    assert folder.read_status() == {}
    folder.write_config({"a": [1, None]})
    assert folder.read_config() == {"a": [1, None]}
    folder.write_status("diverged", 3, 10, loss="r1")
    status = folder.read_status()
    assert status.pop("time") > 1e9
    assert is_alive(status.pop("process"))
    assert status == {"state": "diverged", "step": 3, "steps": 10, "loss": "r1"}


def test_logs_are_cut_back_to_a_step(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    folder.cut_back(0)
    for file in (folder.log, folder.metrics):
        for step in (2, 4, 6):
            folder.add_line(file, {"step": step, "loss": step / 3})
    with folder.log.open("a") as log:
        log.write('{"step": 8, "lo')
    folder.cut_back(4)
    for file in (folder.log, folder.metrics):
        assert read_lines(file) == [{"step": 2, "loss": 2 / 3}, {"step": 4, "loss": 4 / 3}]
        assert file.read_text().endswith("}\n")
    folder.add_line(folder.log, {"step": 6})
    assert [record["step"] for record in read_lines(folder.log)] == [2, 4, 6]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "log.jsonl") == []
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1}) + "\n\x00\x00")
    assert read_lines(tmp_path / "log.jsonl") == [{"step": 1}]


def test_a_line_cut_short_in_the_middle_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"st\n3\n{"step": 2}\n')
    assert read_lines(tmp_path / "log.jsonl") == [{"step": 1}, {"step": 2}]


def test_the_nearest_run_is_one_beside_the_path_or_in_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for run in ("runs/00000-omni-gan-digits", "runs/00001-omni-gan-digits", "out/00003-pac-gan"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "config.json").touch()
    (tmp_path / "runs" / "00004-no-run").mkdir()
    first, second = Path("runs/00000-omni-gan-digits"), Path("runs/00001-omni-gan-digits")
    assert nearest_run(Path("runs/00000-omni-gam-digits")) == first
    assert nearest_run(Path("00000")) == first
    assert nearest_run(Path("runs/omni")) == nearest_run(Path("rums/00001-omni-gan-digits")) == second
    assert nearest_run(Path("out/0003-pac-gan")) == Path("out/00003-pac-gan")
    assert nearest_run(Path("runs/zebra")) is None and nearest_run(Path("runs/00004")) is None


def test_a_run_that_does_not_exist_is_asked_for_by_its_nearest_name(tmp_path: Path) -> None:
    for name in ("00001-gan-ring", "00002-omni-gan-digits"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    for word, near in (("00002-omni", "00002-omni-gan-digits"), ("0001-gan-rin", "00001-gan-ring")):
        with pytest.raises(FileNotFoundError) as raised:
            RunFolder(tmp_path / word).read_config()
        assert str(raised.value) == f"there is no {tmp_path / word}; did you mean {tmp_path / near}?"
    with pytest.raises(FileNotFoundError, match=r"there is no .*: name a folder that"):
        RunFolder(tmp_path / "elsewhere" / "x").read_config()
