"""`everymode sample --interpolate`: a GIF that repeats, or a video where there is an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor, nn

from everymode.cli import main
from everymode.labels.given import GivenLabels
from everymode.sampling.generator import Generator
from everymode.sampling.interpolation import interpolated

ENCODER = """#!/bin/sh
for last; do :; done
echo "$@" > "$LOG"
cat > "$last"
"""


class Shades(nn.Module):
    """An image of two by one pixels, as bright as z and the label say."""

    latent_dim = 2

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((), 0.3))
        self.channels = channels

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        return (z * self.scale + 0.2 * condition[:, None])[:, None, None].expand(-1, self.channels, 1, 2)


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator:
    """A generator in my run, in the current folder."""
    made = Generator(Shades(), GivenLabels(3), classes=("a", "b", "c"))
    (tmp_path / "my run" / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr("everymode.sampling.generator.find_generator", lambda path: path)
    monkeypatch.setattr("everymode.sampling.generator.load", lambda *arguments, **options: made)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_gif_repeats_and_shows_the_frames(generator: Generator, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sample", "my run", "--interpolate", "3", "--frames", "4", "--seeds", "7-9", "--label", "a,c"]
    assert main([*words, "--out", "my folder/a walk.gif"]) == 0
    assert capsys.readouterr().out == "my folder/a walk.gif\n"
    with Image.open("my folder/a walk.gif") as gif:
        assert gif.info["loop"] == 0 and gif.info["duration"] == 40 and gif.size == (128, 64)
        shown = [np.array(frame.convert("L"))[32, ::127] for frame in ImageSequence.Iterator(gif)]
    expected = interpolated(generator, 3, label=["a", "c", "a"], seed=7, frames=4)[:, 0, 0]
    assert np.abs(np.array(shown, float) / 127.5 - 1 - expected.clamp(-1, 1).numpy()).max() < 0.02
    assert main(["sample", "my run", "--interpolate", "2"]) == 0
    assert capsys.readouterr().out == "my run/samples/interpolation.gif\n"


def test_a_video_needs_an_encoder(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sample", "my run", "--interpolate", "2", "--frames", "2", "--out", "walk.mp4"]
    with monkeypatch.context() as without:
        without.setattr("everymode.commands.interpolation.shutil.which", lambda name: None)
        assert main(words) == 2
    assert "no video encoder (ffmpeg) is installed: name a .gif file" in capsys.readouterr().err
    encoder = tmp_path / "bin" / "ffmpeg"
    encoder.parent.mkdir()
    encoder.write_text(ENCODER)
    encoder.chmod(0o755)
    monkeypatch.setenv("PATH", str(encoder.parent), prepend=":")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    assert main(words) == 0
    assert len((tmp_path / "walk.mp4").read_bytes()) == 4 * 128 * 64 * 3
    assert "-pix_fmt rgb24 -s 128x64 -r 25 -i -" in (tmp_path / "log").read_text()
    encoder.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (tmp_path / "walk.mp4").unlink()
    assert main(words) == 1
    assert "ffmpeg can't write the video (broken)" in capsys.readouterr().err
    assert not (tmp_path / "walk.mp4").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", "3"], "it needs --interpolate N"),
        (["--interpolate", "1"], "at least 2 latent codes"),
        (["--interpolate", "3", "--frames", "0"], "--frames at least 1"),
        (["--interpolate", "400"], "6,400 frames, more than the 5,000 allowed"),
        (["--interpolate", "3", "--seeds", "0-99"], "one seed per latent code, but --seeds has 100"),
        (["--interpolate", "3", "--grid", "a.png"], "--interpolate and --grid exclude each other"),
        (["--interpolate", "3", "--reject", "2"], "--interpolate and --reject exclude each other"),
        (["--interpolate", "3", "--out", "a.png"], "such as walk.gif, not a.png"),
        (["--interpolate", "3", "--out", "folder.gif"], "folder.gif is a folder"),
        (["--interpolate", "3", "--label", "d"], "d"),
    ],
)
def test_mistakes_are_one_line(
    generator: Generator, words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder.gif").mkdir()
    assert main(["sample", "my run", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
