"""Sources: keys, limits and class numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everymode.data import DataError
from everymode.data import source as source_module
from everymode.data.source import digest_of, file_key, limited, pixel_source


@given(pieces=st.lists(st.text(max_size=4) | st.binary(max_size=4), max_size=4))
def test_digests_depend_on_where_a_piece_ends(pieces: list[str | bytes]) -> None:
    assert digest_of(*pieces) == digest_of(*pieces)
    assert digest_of(*pieces, "a", "bc") != digest_of(*pieces, "ab", "c")
    assert len(digest_of(*pieces)) == 32


def test_the_key_of_a_small_file_is_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    key = file_key(tmp_path / "a")
    assert file_key(tmp_path / "b") == key
    (tmp_path / "a").write_bytes(b"two")
    assert file_key(tmp_path / "a") != key


def test_the_key_of_a_large_file_is_its_path_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "HASHED_BYTES", 0)
    (tmp_path / "a").write_bytes(b"one")
    key = file_key(tmp_path / "a")
    os.utime(tmp_path / "a", (1, 1))
    assert file_key(tmp_path / "a") != key


def test_a_limited_source_stays_together() -> None:
    pixels = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    whole = pixel_source("x", pixels, np.arange(20), tuple(map(str, range(20))), "key")
    part = limited(whole, 6)
    assert len(part) == 6
    assert part.key != whole.key
    for i in range(6):
        assert part.items[i] == f"image {part.labels[i]}"
        assert np.asarray(part.open_image(i)).item() == part.labels[i]
        assert part.pixels is not None
        assert part.pixels[i].item() == part.labels[i]
    assert limited(whole, 20) is whole


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(DataError, match="1, 3 or 4 channels"):
        pixel_source("x", np.zeros((1, 2, 4, 4), np.uint8), np.zeros(1), (), "key")
    with pytest.raises(DataError, match="1 images but 2 labels"):
        pixel_source("x", np.zeros((1, 3, 4, 4), np.uint8), np.zeros(2), (), "key")
