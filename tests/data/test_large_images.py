"""Large images are decoded one at a time, small ones in parallel."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.data import check, large_images, open_images
from everymode.data import decode as decoding


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("read", ["open", "check"])
def test_threads_wait_for_large_images_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool, read: str
) -> None:
    monkeypatch.setattr(large_images, "LARGE_PIXELS", 16 * 16 - 1 if large else 16 * 16)
    for number in range(130):  # ranges of 64: three threads have work
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    inside, most, several = [0], [0], threading.Event()
    flattened = decoding.flattened

    def watched(*given: object) -> Image.Image:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        if inside[0] > 1:
            several.set()
        several.wait(0.0005 if large else 0.05)
        image = flattened(*given)
        inside[0] -= 1
        return image

    monkeypatch.setattr("everymode.data.decode.flattened", watched)
    monkeypatch.setattr("everymode.data.checking.flattened", watched)
    if read == "open":
        open_images(tmp_path, cache_dir=tmp_path / "cache", progress=False, workers=3)
    else:
        check(tmp_path, progress=False, workers=3)
    assert (most[0] == 1) == large
