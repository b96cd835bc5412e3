"""What a kill leaves of a run is tidied, and what it kept from being made is made, when the run goes on."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import everymode
from everymode.storage.atomic import clean
from everymode.storage.run_folder import read_lines

NUMBERS = {"steps": 2, "snapshot": 1, "width": 4, "batch_size": 8, "watch_samples": 0, "metric_images": 16}


def test_scores_pictures_and_tidiness_come_back_on_resume(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    scores = {"metrics": "fd", "metric_extractor": "random:8"}
    run = everymode.train(
        "omni-gan-digits", out=tmp_path, quiet=True, device="cpu", **NUMBERS, **scores
    ).folder
    before = read_lines(run / "metrics.jsonl")
    picture = run / "samples" / "step-0000002.png"
    drawn = picture.read_bytes()
    picture.unlink()
    (run / "metrics.jsonl").write_text(json.dumps(before[0]) + "\n" + json.dumps(before[1])[:20])
    (run / ".status.json.writing").write_text("{")
    (run / "checkpoints" / ".step-0000003.writing").mkdir()
    everymode.train("omni-gan-digits", resume=run, quiet=True, device="cpu")
    assert picture.read_bytes() == drawn and read_lines(run / "metrics.jsonl") == before
    assert not list(run.rglob(".*"))
    times = picture.stat().st_mtime_ns
    everymode.train("omni-gan-digits", resume=run, quiet=True, device="cpu")
    assert picture.stat().st_mtime_ns == times and len(read_lines(run / "metrics.jsonl")) == 2


def test_cleaning_leaves_what_others_are_writing(tmp_path: Path) -> None:
    host = socket.gethostname()
    here, gone = f".a.json.{host}-{os.getppid()}-0a1b2c3d.part", f".a.json.{host}-{2**22 + 5}-0a1b2c3d.part"
    stays = (here, ".a.json.elsewhere-1-0a1b2c3d.part", "a.writing", ".hidden", "b.part")
    goes = (gone, ".a.json.writing", f".a.json.{host}-{os.getpid()}-0a1b2c3d.part")
    (tmp_path / "inside").mkdir()
    for name in (*stays, *goes):
        (tmp_path / "inside" / name).write_text("")
    for name in ("lost", "there"):
        (tmp_path / f".{name}.replaced").mkdir()
        (tmp_path / f".{name}.replaced" / "old").write_text("")
    (tmp_path / "there").mkdir()
    clean(tmp_path)
    assert {path.name for path in (tmp_path / "inside").iterdir()} == set(stays)
    assert {path.name for path in tmp_path.iterdir()} == {"inside", "lost", "there"}
    assert (tmp_path / "lost" / "old").exists() and not (tmp_path / "there" / "old").exists()
