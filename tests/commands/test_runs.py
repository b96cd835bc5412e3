"""`everymode runs`: what is listed, in which order, what is broken, and that torch is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from everymode.cli import main
from everymode.commands.best_scores import best_score
from everymode.commands.runs import runs_in
from everymode.storage.run_folder import RunFolder


def a_run(parent: Path, name: str, *, age: float, state: str = "done", step: int = 4) -> RunFolder:
    folder = RunFolder.create(parent, name)
    data = {"source": "digits:train", "fingerprint": "f"}
    folder.write_config(
        {"format": 2, "recipe": {"numbers": {"name": name, "seed": 0}, "parts": {}}, "data": data}
    )
    folder.write_status(state, step, 10, time=time.time() - age)
    return folder


def test_runs_are_listed_the_newest_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = a_run(tmp_path, "omni-gan-digits", age=30.0, state="running")
    a_run(tmp_path, "gan-ring", age=7200.0)
    for step, fd in ((2, 31.5), (4, 12.25), (6, 13.0)):
        first.add_line(first.metrics, {"step": step, "rank": fd, "fd": fd, "kd": 1.0, "card": "x"})
    first.add_line(first.metrics, {"step": 8, "rank": float("nan"), "fd": 1.0})
    (tmp_path / "notes").mkdir()
    (tmp_path / "00009-file").touch()
    assert main(["runs", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["run", "recipe", "data", "step", "state", "best", "score", "age"],
        ["00001-gan-ring", "gan-ring", "digits:train", "4/10", "done", "2.0", "h"],
        [
            "00000-omni-gan-digits",
            "omni-gan-digits",
            "digits:train",
            "4/10",
            "running",
            "fd",
            "12.25",
            "30",
            "s",
        ],
    ]
    assert main(["runs", str(first.path), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert 30 <= listed.pop("age_seconds") < 60
    assert listed == {
        "name": "00000-omni-gan-digits",
        "recipe": "omni-gan-digits",
        "data": "digits:train",
        "step": 4,
        "steps": 10,
        "state": "running",
        "best": {"metric": "fd", "value": 12.25, "step": 4},
        "error": None,
    }


def test_the_value_of_a_higher_is_better_metric_is_shown(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "a", age=1.0)
    folder.add_line(folder.metrics, {"step": 2, "rank": -0.75, "precision": 0.75, "recall": 0.5})
    assert runs_in(tmp_path)[0].best == {"metric": "precision", "value": 0.75, "step": 2}


def killed(folder: RunFolder, **process: object) -> None:
    status = folder.read_status()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    status["process"] |= {"pid": child.pid, **process}
    (folder.path / "status.json").write_text(json.dumps(status))


def test_a_killed_run_is_not_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed(a_run(tmp_path, "a", age=1.0, state="running"))
    killed(a_run(tmp_path, "b", age=1.0, state="preparing"))
    killed(a_run(tmp_path, "c", age=10800.0, state="running"), machine="another")
    killed(a_run(tmp_path, "d", age=1.0, state="done"))
    a_run(tmp_path, "e", age=1.0, state="preparing")
    before = a_run(tmp_path, "f", age=1.0, state="running")  # of a version that did not record the process
    status = before.read_status()
    del status["process"]
    (before.path / "status.json").write_text(json.dumps(status))
    states = {run.recipe: run.state for run in runs_in(tmp_path)}
    assert states == {
        "a": "not running",
        "b": "not running",
        "c": "unknown",
        "d": "done",
        "e": "preparing",
        "f": "unknown",
    }
    assert main(["runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "unknown, last written 3.0 h ago" in next(line for line in lines if "00002-c" in line)


def test_the_newest_interrupted_run_is_resumed_by_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "my runs"
    a_run(runs, "a", age=50.0, state="stopped")
    killed(a_run(runs, "b", age=40.0, state="running"))
    killed(a_run(runs, "c", age=30.0, state="preparing", step=0))  # has nothing to resume
    a_run(runs, "d", age=20.0, state="done")
    assert main(["runs", str(runs)]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"resume 00001-b with: everymode train --resume '{runs}/00001-b'"
    assert main(["runs", str(runs / "00000-a")]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"--resume '{runs}/00000-a'")
    assert main(["runs", str(runs / "00003-d")]) == 0
    assert "resume" not in capsys.readouterr().out


def a_card(
    folder: RunFolder, name: str, step: int, date: str, num: int = 500, **values: float | None
) -> None:
    metrics = {
        metric: {
            "metric": metric.partition("-")[0],
            "value": value,
            "better": "lower" if metric.startswith(("fd", "kd")) else "higher",
            "real": 1000,
            "fake": num,
            "settings": {},
            "details": {},
        }
        for metric, value in values.items()
    }
    card = {
        "format": 1,
        "metrics": metrics,
        "protocol": {"fake_images": num},
        "subject": {"facts": {"step": step}},
        "times": {"date": date},
    }
    (folder.path / "evaluations").mkdir(exist_ok=True)
    (folder.path / "evaluations" / name).write_text(json.dumps(card))


def test_scores_of_evaluate_count_under_the_newest_protocol(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "a", age=1.0)
    a_card(folder, "step-0000002.json", 2, "2030-01-01", fd=1.0)
    folder.add_line(
        folder.metrics, {"step": 2, "rank": 1.0, "fd": 1.0, "card": "evaluations/step-0000002.json"}
    )
    assert best_score(folder) == {"metric": "fd", "value": 1.0, "step": 2}  # training's own card is no other
    a_card(folder, "few.json", 4, "2029-01-01", num=50, fd=2.0)
    a_card(folder, "final.json", 4, "2029-01-02", coverage=0.5, fd=9.0)
    a_card(folder, "early.json", 2, "2029-01-03", coverage=0.25, fd=8.0)
    a_card(folder, "worst.json", 6, "2029-01-04", coverage=0.75, fd=10.0)
    (folder.path / "evaluations" / "curve.json").write_text('{"truncation_curve": []}')
    (folder.path / "evaluations" / "broken.json").write_text("{")
    early = {"metric": "fd", "value": 8.0, "step": 2, "card": "evaluations/early.json"}
    assert best_score(folder) == early
    assert runs_in(tmp_path)[0].best == early


def test_a_higher_is_better_score_of_evaluate(tmp_path: Path) -> None:
    folder = a_run(tmp_path, "a", age=1.0)
    a_card(folder, "one.json", 4, "2029-01-01", modes=5.0, spread=0.9, fd=None)
    a_card(folder, "two.json", 6, "2029-01-02", modes=4.0, spread=0.9, fd=float("nan"))
    assert best_score(folder) == {"metric": "modes", "value": 5.0, "step": 4, "card": "evaluations/one.json"}


def test_broken_folders_are_listed_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (a_run(tmp_path, "a", age=1.0).path / "status.json").write_text("{")
    (a_run(tmp_path, "b", age=1.0).path / "config.json").write_text('{"recipe": 3}')
    (a_run(tmp_path, "c", age=1.0).path / "config.json").unlink()
    (a_run(tmp_path, "d", age=1.0).path / "status.json").write_text('{"step": "x", "time": "y"}')
    (a_run(tmp_path, "e", age=1.0).path / "metrics.jsonl").write_bytes(b'{"rank": "1"}\n\xff\n[]\n{"rank": 1')
    listed = {run.name: run for run in runs_in(tmp_path)}
    assert {name for name, run in listed.items() if run.state == "broken"} == {
        "00000-a",
        "00001-b",
        "00002-c",
    }
    assert "status.json is damaged" in listed["00000-a"].error
    assert "config.json is damaged" in listed["00001-b"].error
    assert "has no config.json" in listed["00002-c"].error
    assert (listed["00003-d"].state, listed["00003-d"].step) == ("unknown", None)
    assert listed["00004-e"].best is None
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split().count("broken") == 3


def test_an_empty_folder_says_how_to_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    for words, out in (([], ""), (["a b"], " --out 'a b'")):
        assert main(["runs", *words]) == 0
        assert capsys.readouterr().out.endswith(f": train one with: everymode train omni-gan-digits{out}\n")
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["runs", "none"]) == 2
    assert capsys.readouterr().err.startswith("error: none is not a folder")


def test_torch_is_not_needed(tmp_path: Path) -> None:
    a_run(tmp_path, "a", age=1.0)
    script = (
        "import sys; from everymode.cli import main\n"
        f"assert main(['runs', {str(tmp_path)!r}]) == 0\n"
        "assert not {'torch', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
