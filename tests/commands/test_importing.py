"""`everymode import`: a folder that other commands read, its model card, and what is rejected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from released_states import case, released_state, shapes_of

from everymode.cli import main
from everymode.sampling.generator import load

Said = Callable[..., tuple[int, str]]
NAME = "studiogan 32"
SOURCE = "https://example.org/weights/model=G_ema.pth"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, " ".join((captured.out + captured.err).split())

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model=G_ema-best-weights-step=3.pth"
    torch.save({"state_dict": released_state(shapes_of(NAME))}, path)
    return path


def test_a_folder_with_a_card_that_sample_reads(file: Path, tmp_path: Path, said: Said) -> None:
    out = tmp_path / "imported"
    words = ("--license", "cc-by-4.0", "--source", SOURCE, "--data-name", "CIFAR-10")
    code, text = said("import", "studiogan", file, "--out", out, *words)
    assert code == 0, text
    assert "StudioGAN: 32x32 pixels; channels 32, 32, 32, 32; 10 classes; z of 16, a chunk per block" in text
    assert "shared embedding of 16; attention at 16; epsilon 0.0001" in text
    assert f"license cc-by-4.0, from {SOURCE}" in text
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n") and f"<{SOURCE}>" in card
    assert "CIFAR" in card and "trained with everymode" not in card and "batch size" not in card
    assert all(str(tmp_path) not in (out / name).read_text() for name in ("README.md", "config.json"))
    generator = load(out)
    known = case(NAME)
    with torch.no_grad():
        images = generator.network(*known.inputs(NAME))
    torch.testing.assert_close(images, known.images, rtol=0, atol=5e-5)
    code, text = said("sample", out, "--label", 9, "--seeds", "0-1", "--out", tmp_path / "samples")
    assert code == 0, text
    assert len(list((tmp_path / "samples").iterdir())) >= 2
    code, text = said("sample", out, "--label", 10, "--out", tmp_path / "samples")
    assert code == 2 and "there is no label" in text and "0 to 9" in text
    code, text = said("import", "studiogan", file, "--out", out, *words)
    assert code == 2 and "not an empty folder" in text


def test_what_is_rejected(file: Path, tmp_path: Path, said: Said) -> None:
    out = tmp_path / "imported"
    words = ("--out", out, "--license", "mit", "--source", SOURCE)
    for given, message in (
        (("studiogan", file, *words[:4]), "--source"),
        (("studiogan", file, *words[:2], *words[4:]), "--license"),
        (("studiogan", file, *words[2:]), "--out"),
        (("tensorflow", file, *words), "no release 'tensorflow'"),
        (("biggan-pytorch", file, *words), "import it as studiogan"),
        (("studiogan", tmp_path / "none.pth", *words), "does not exist"),
        (("studiogan", file, *words, "--norm-epsilon", "-1"), "norm_epsilon"),
        (("studiogan", file, *words, "--resolution", "48"), "doesn't fit"),
        (("studiogan", file, *words[:4], "--source", " "), "source is empty"),
    ):
        code, text = said("import", *given)
        assert code == 2 and text.startswith("error:") and message in text, text
        assert not out.exists()
