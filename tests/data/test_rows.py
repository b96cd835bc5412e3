"""Row selection: small and large batches, and views of several arrays, compared with NumPy."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data import rows as rows_module
from everymode.data.rows import RowsView, join_rows, select_rows, take_rows


def _images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 4, 5), dtype=np.uint8)


@pytest.mark.parametrize("parallel_bytes", [1, 2**22])
def test_memory_map_rows_equal_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallel_bytes: int
) -> None:
    monkeypatch.setattr(rows_module, "PARALLEL_BYTES", parallel_bytes)
    images = _images(50)
    np.save(tmp_path / "x.npy", images)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    indices = np.random.default_rng(1).integers(0, 50, 40)
    out = np.empty((40, 3, 4, 5), np.uint8)
    take_rows(mapped, indices, out)
    np.testing.assert_array_equal(out, images[indices])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_reads_with_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "PARALLEL_BYTES", 1)
    images, out = _images(8), np.empty((4, 3, 4, 5), np.uint8)
    take_rows(images, np.arange(4), out)
    before = rows_module._readers()
    child = os.fork()
    if child == 0:
        os._exit(0 if rows_module._readers() is not before else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert rows_module._readers() is before


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4), data=st.data())
def test_views_equal_the_joined_array(sizes: list[int], data: st.DataObject) -> None:
    arrays = [_images(size, seed) for seed, size in enumerate(sizes)]
    whole = np.concatenate(arrays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "COPY_BYTES", 0)
        view = join_rows(arrays)
        assert isinstance(view, RowsView)
        chosen = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)), np.int64)
        part = select_rows(view, chosen)
        assert isinstance(part, RowsView) or not len(chosen)
    assert view.shape == whole.shape
    assert view.nbytes == whole.nbytes
    np.testing.assert_array_equal(np.asarray(view), whole)
    np.testing.assert_array_equal(part[:], whole[chosen])
    np.testing.assert_array_equal(view[len(whole) - 1], whole[-1])
    np.testing.assert_array_equal(join_rows([view, arrays[0]])[:], np.concatenate([whole, arrays[0]]))


def test_small_selections_are_copies() -> None:
    images = _images(5)
    part = select_rows(images, np.array([4, 4, 0]))
    assert isinstance(part, np.ndarray)
    np.testing.assert_array_equal(part, images[[4, 4, 0]])


def test_a_view_is_never_an_array_without_a_copy() -> None:
    view = RowsView([_images(2)], np.array([0]), np.array([1]))
    with pytest.raises(ValueError, match="without a copy"):
        np.array(view, copy=False)
    assert np.asarray(view, dtype=np.float32).dtype == np.float32
