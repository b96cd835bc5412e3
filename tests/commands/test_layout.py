"""Arrays whose channels may be axis 1 or axis 3: refused without --layout, and the run remembers it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from everymode.cli import main

SMALL = ["--steps", "1", "--width", "4", "--batch-size", "4", "--resolution", "16", "--watch-samples", "0"]


def test_ambiguous_arrays_need_a_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 3, 16, 3), dtype=np.uint8)
    np.savez("rows.npz", images=pixels, labels=np.arange(32) % 2)
    np.savez("held.npz", images=pixels[:8], labels=np.arange(8) % 2)
    Path("photos", "a").mkdir(parents=True)
    train = ["train", "omni-gan-32", "--data", "rows.npz", "--quiet", *SMALL]
    for words in (train, ["data", "check", "rows.npz"]):
        assert main(words) == 3
        assert "ambiguous" in (error := capsys.readouterr().err) and "(--layout)" in error
    assert main(["data", "check", "rows.npz", "--layout", "NHWC"]) == 0
    said = capsys.readouterr().out
    assert "3x16 32" in said and "--data rows.npz --layout NHWC" in said
    assert main([*train, "--layout", "NHWC", "--held-out", "held.npz"]) == 0
    (run,) = map(str, Path("runs").iterdir())
    assert json.loads(Path(run, "config.json").read_text())["recipe"]["numbers"]["layout"] == "NHWC"
    score = ["--extractor", "random", "--num", "8", "--metrics", "kd"]
    assert main(["evaluate", run, *score]) == 0  # with the layout of its training
    sides = ["evaluate", "rows.npz", "--real", "held.npz", *score]
    assert main([*sides, "--layout", "NHWC"]) == 0
    capsys.readouterr()
    assert main(sides) == 3
    assert main(["evaluate", "photos", "--real", "photos", *score, "--layout", "NCHW"]) == 2
    assert "no side is a file of arrays" in capsys.readouterr().err
    assert main(["data", "check", "photos", "--layout", "NCHW"]) == 2
    words = ["partition", "--data", "rows.npz", "--out", "parts"]
    assert main(words) == 3 and "ambiguous" in capsys.readouterr().err
