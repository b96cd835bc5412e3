"""Animations of `everymode sample --interpolate`: a closed walk between latent codes as a GIF or a video."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from everymode.commands.ending import say
from everymode.storage.atomic import atomic_file

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from everymode.sampling.generator import Generator

__all__ = ["Walk"]

FRAMES = 16
"""Default number of frames from each code to the next."""
MOST_FRAMES = 5000
"""Largest number of frames of an animation: all are in memory."""
MILLISECONDS = 40
"""Time per frame; a GIF counts in steps of 10 ms."""
SMALLEST_SIDE = 128
"""Smaller images are enlarged by a whole number, up to about this many pixels."""


@dataclass(frozen=True)
class Walk:
    """A walk between latent codes, as the flags of `everymode sample` describe it."""

    codes: int | None
    """Number of latent codes (--interpolate); None means no animation."""
    frames: int | None
    """Number of frames from each code to the next; None means FRAMES."""
    seeds: Sequence[range] | None
    """Seeds of the codes; None means 0, 1, 2, ..."""
    truncation: float
    """Factor on the latent codes."""
    size: tuple[int, int] | None
    """(height, width), for generators that draw any size."""
    batch_size: int
    """Frames per pass."""

    def check(self, out: Path | None, **others: object) -> None:
        """Check the flags before the generator is loaded.

        Args:
            out: file to write.
            others: flags that exclude an animation, by name; None if they are not set.

        Raises:
            ValueError: if a number is out of range, flags exclude each other, or the file's format can't be written.
        """
        if self.codes is None:
            if self.frames is not None:
                raise ValueError("--frames is the number of frames of an animation: it needs --interpolate N")
            return
        for name, value in others.items():
            if value is not None:
                raise ValueError(f"--interpolate and --{name} exclude each other: set one of the two")
        frames = self.codes * self._frames
        if self.codes < 2 or self._frames < 1:
            raise ValueError(
                f"--interpolate needs at least 2 latent codes, and --frames at least 1, not {self.codes} and "
                f"{self._frames}"
            )
        if frames > MOST_FRAMES:
            raise ValueError(
                f"--interpolate {self.codes} with {self._frames} frames each gives {frames:,} frames, more than the "
                f"{MOST_FRAMES:,} allowed: choose a lower --interpolate or --frames"
            )
        if self.seeds is not None and sum(map(len, self.seeds)) != self.codes:
            raise ValueError(
                f"--interpolate {self.codes} needs one seed per latent code, but --seeds has "
                f"{sum(map(len, self.seeds))}"
            )
        if out is not None:
            _check_file(out)

    def write(self, generator: Generator, labels: Sequence[str | None], path: Path) -> None:
        """Write the animation, and print its path.

        Args:
            generator: a generator of images.
            labels: labels of the codes, repeated in this order; [None] draws the label of each code.
            path: a .gif or .mp4 file; its folder is created if needed.

        Raises:
            ValueError: if the generator draws points, or has no such label.
            NotFinite: if a frame is not finite.
            OSError: if the file can't be written.
        """
        from everymode.pictures import require_finite
        from everymode.sampling.interpolation import interpolated

        codes = self.codes or 0
        requested = [labels[index % len(labels)] for index in range(codes)]
        drawn = interpolated(
            generator,
            codes,
            label=None if labels[0] is None else requested,
            seed=0 if self.seeds is None else list(chain.from_iterable(self.seeds)),
            frames=self._frames,
            truncation=self.truncation,
            size=self.size,
            batch_size=self.batch_size,
        )
        if drawn.ndim == 2:
            raise ValueError("--interpolate is for generators of images: this one draws points")
        pictures = [_enlarged(image) for image in require_finite(drawn, "a frame")]
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            if path.suffix.lower() == ".gif":
                options = {"append_images": pictures[1:], "duration": MILLISECONDS, "loop": 0}
                pictures[0].save(temporary, "GIF", save_all=True, **options)
            else:
                _encode(pictures, temporary)
        say(str(path))

    @property
    def _frames(self) -> int:
        return FRAMES if self.frames is None else self.frames


def _check_file(out: Path) -> None:
    if out.suffix.lower() not in (".gif", ".mp4"):
        raise ValueError(
            f"--interpolate writes a .gif or .mp4 file: set --out to one, such as walk.gif, not {out}"
        )
    if out.is_dir():
        raise ValueError(f"{out} is a folder, not a file to write an animation to: choose another --out")
    if out.parent.exists() and not out.parent.is_dir():
        raise ValueError(f"{out.parent} is a file, not a folder to write to: choose another --out")
    if out.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise ValueError(
            f"{out} can't be written, since no video encoder (ffmpeg) is installed: name a .gif file"
        )


def _enlarged(image: Tensor) -> Image:
    from PIL import Image

    from everymode.pictures import to_pil

    picture = to_pil(image)
    scale = max(1, SMALLEST_SIDE // max(picture.size))
    enlarged = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    return enlarged.convert("RGB") if enlarged.mode == "RGBA" else enlarged


def _encode(pictures: Sequence[Image], path: Path) -> None:
    """Write an H.264 video by ffmpeg. Sides are padded to even numbers, as the usual pixel format requires.

    Raises:
        OSError: if ffmpeg fails.
    """
    width, height = pictures[0].size
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(1000 // MILLISECONDS), "-i", "-"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)]
    pixels = b"".join(picture.convert("RGB").tobytes() for picture in pictures)
    done = subprocess.run(command, input=pixels, capture_output=True, check=False)
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise OSError(f"ffmpeg can't write the video ({message[-300:]}): name a .gif file instead")
