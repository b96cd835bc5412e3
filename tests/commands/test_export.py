"""`everymode export`: folders with the run's scores, files of other formats, and what is rejected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from saved_runs import saved_run

from everymode.cli import main
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import Measured
from everymode.extractors.hashing import tensors_hash
from everymode.sampling.generator import load


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a card of its weights, one of other weights, and a damaged one."""
    folder = saved_run(tmp_path_factory.mktemp("runs") / "00000-small", "omni-gan-digits")
    weights = tensors_hash(load(folder).network.state_dict())
    for name, value, of in (("mine", 1.5, weights), ("older", 9.5, "0" * 64)):
        measured = {"fd-x": Measured("fd", value, "lower", 40, 30, {}, {})}
        facts = {"step": 7, "weights": of}
        card = ScoreCard(measured, {"extractor": {"name": name}}, {"facts": facts, "source": str(folder)}, {})
        card.save(folder / "evaluations" / f"{name}.json")
    (folder / "evaluations" / "bad.json").write_text("{")
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_a_folder_with_the_scores_of_these_weights(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data-name", "My shapes", "--license", "cc-by-4.0")
    code, text = said(capsys, "export", run, "--out", tmp_path / "out", *words)
    assert code == 0 and "generator.safetensors (" in text and "a score card is left out" in text
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| fd-x | 1.5 |" in card and "9.5" not in card
    assert "license: cc-by-4.0" in card and "Training data: My shapes." in card
    assert str(run.parent) not in (tmp_path / "out" / "config.json").read_text()
    assert torch.equal(load(tmp_path / "out").sample(3), load(run).sample(3))
    # Exported again, from the folder, it has the same facts.
    assert said(capsys, "export", tmp_path / "out", "--out", tmp_path / "again")[0] == 0
    assert json.loads((tmp_path / "again" / "config.json").read_text()) == json.loads(
        (tmp_path / "out" / "config.json").read_text()
    )


@pytest.mark.parametrize("to", ["onnx", "torch-export"])
def test_other_forms_are_written_by_their_functions(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    calls = []

    def write(generator: Any, path: Path, **options: Any) -> Path:
        calls.append((generator.num_labels, options))
        path.write_bytes(b"12345")
        return path

    for name in ("export_onnx", "export_program"):
        monkeypatch.setattr(f"everymode.exchange.exporting.{name}", write)
    code, text = said(capsys, "export", run, "--to", to, "--out", tmp_path / "deep" / "file")
    assert code == 0 and "file (5 bytes)" in text
    assert calls == [(3, {"recipe": None})]


def test_what_is_rejected(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    for words, message in (
        (("--out", run), "is in the run"),
        (("--out", run / "checkpoints" / "step-0000007"), "is in the run"),
        (("--out", tmp_path / "mine"), "was not written by everymode"),
        (("--out", tmp_path, "--to", "onnx"), "is a folder, and --to onnx writes one file"),
        (("--out", tmp_path / "x", "--to", "onnx", "--license", "mit"), "--license: only --to folder has"),
        (("--out", tmp_path / "x", "--to", "tflite"), "folder"),
        (("--out", tmp_path / "x", "--samples", run / "none.png"), "is not a picture"),
    ):
        code, text = said(capsys, "export", run, *words)
        assert code == 2 and message in text, text
    assert not (tmp_path / "x").exists()
    assert said(capsys, "export", tmp_path / "nothing", "--out", tmp_path / "x")[0] == 2


def test_a_damaged_folder_is_an_error_in_words(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "export", run, "--out", tmp_path / "a")[0] == 0
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    weights = tmp_path / "b" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    code, text = said(capsys, "sample", tmp_path / "b")
    assert code == 2 and "is not the file that was written" in text
