"""Damaged files and false sizes: one error message each, and no memory for what a header merely declares."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from everymode.data import open_images
from everymode.data.doors import decompressed, one_sentence, read_exactly
from everymode.data.errors import DataError
from everymode.data.mat_files import mat_arrays


def refused(path: Path) -> str:
    """Return the error message about a file; fail if much memory is allocated, or the message does not name it."""
    tracemalloc.start()
    with pytest.raises(DataError) as raised:
        open_images(path, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26 and path.stem in str(raised.value) and "\n" not in str(raised.value)
    return str(raised.value)


# ---- NumPy


def npy(header: str) -> bytes:
    padded = header.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + bytes(64)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,",  # a tokenizer's error
        "{'descr': '|u1', 'fortran_order': False, 'shape': (900000, 1000, 1000), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 4), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 4), }",
        "(" * 100,
        "\0",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_headers_of_numpy(tmp_path: Path, header: str, packed: bool) -> None:
    file = tmp_path / ("rows.npz" if packed else "rows.npy")
    if packed:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("images.npy", npy(header))
    else:
        file.write_bytes(npy(header))
    refused(file)


def test_compressed_arrays_that_are_damaged(tmp_path: Path) -> None:
    file = tmp_path / "rows.npz"
    np.savez_compressed(file, images=np.random.default_rng(0).integers(0, 255, (9, 8, 8)).astype(np.uint8))
    data = bytearray(file.read_bytes())
    data[200:230] = bytes(30)
    file.write_bytes(data)
    refused(file)


# ---- IDX


def test_an_idx_header_takes_no_memory(tmp_path: Path) -> None:
    header = b"\0\0\x08\x03" + b"".join(side.to_bytes(4, "big") for side in (2**16, 2**10, 2**10))
    (tmp_path / "t-images-idx3-ubyte").write_bytes(header + bytes(100))
    assert "declares 68,719,476,736 bytes" in refused(tmp_path / "t-images-idx3-ubyte")
    (tmp_path / "t-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(100)))
    assert "declares 68,719,476,736 bytes" in refused(tmp_path / "t-images-idx3-ubyte.gz")
    small = b"\0\0\x08\x03" + b"".join(side.to_bytes(4, "big") for side in (2, 100, 100))
    (tmp_path / "s-images-idx3-ubyte.gz").write_bytes(gzip.compress(small + bytes(100)))
    assert "truncated" in refused(tmp_path / "s-images-idx3-ubyte.gz")


def test_reading_in_pieces() -> None:
    data = np.random.default_rng(0).bytes(3 * 2**20)
    assert read_exactly(io.BytesIO(data), len(data)) == data
    assert len(read_exactly(io.BytesIO(data), 5)) == 6, "one more, where there is one"
    assert len(read_exactly(io.BytesIO(data), 2**40)) == len(data)


# ---- MATLAB and STL-10


@pytest.mark.parametrize("compressed", [False, True])
def test_mat_files_are_read_as_scipy_wrote_them(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "X": rng.integers(0, 255, (8, 6, 3, 5)).astype(np.uint8),
        "y": np.array([[1], [10], [3], [4], [5]], np.float64),
        "long_name_of_another": rng.standard_normal((3, 2)),
        "words": np.array(["a", "b"], object),
        "n": np.int16([[-3, 4]]),
    }
    savemat(tmp_path / "a.mat", arrays, do_compression=compressed)
    loaded = mat_arrays(tmp_path / "a.mat", ("X", "y", "n", "long_name_of_another"))
    for name, array in loaded.items():
        assert array.dtype == arrays[name].dtype and (array == arrays[name]).all(), name
    assert len(loaded) == 4
    with pytest.raises(DataError, match="words is not an array of real numbers"):
        mat_arrays(tmp_path / "a.mat", ("words",))


def test_damaged_mat_files(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (32, 32, 3, 4)).astype(np.uint8)
    for compressed in (False, True):
        savemat(tmp_path / "a.mat", {"X": images, "y": np.ones((4, 1))}, do_compression=compressed)
        sound = (tmp_path / "a.mat").read_bytes()
        for cut in (0, 50, 130, 140, 200, len(sound) // 2):
            (tmp_path / "cut.mat").write_bytes(sound[:cut])
            refused(tmp_path / "cut.mat")
        for offset in (128, 132, 136, 144, 152, 160, 168, 176, 190):
            for extreme in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"):
                (tmp_path / "odd.mat").write_bytes(sound[:offset] + extreme + sound[offset + 4 :])
                try:
                    open_images(tmp_path / "odd.mat", progress=False)
                except DataError as error:
                    assert "odd.mat" in str(error)
    pixels = bytearray(sound)
    pixels[len(sound) // 2] ^= 1
    (tmp_path / "a.mat").write_bytes(pixels)
    refused(tmp_path / "a.mat")
    savemat(tmp_path / "a.mat", {"X": images, "y": np.full((4, 1), 1.5)})
    assert "whole numbers" in refused(tmp_path / "a.mat")


def test_a_matrix_without_values_is_damaged(tmp_path: Path) -> None:
    flags, shape = struct.pack("<IIII", 6, 8, 9, 0), struct.pack("<IIii", 5, 8, 2, 2)
    matrix = flags + shape + struct.pack("<II", 1, 1) + b"X".ljust(8, b"\0")
    header = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 256) + b"IM"
    (tmp_path / "x.mat").write_bytes(header + struct.pack("<II", 14, len(matrix)) + matrix)
    assert "sizes are inconsistent" in refused(tmp_path / "x.mat")


def test_class_names_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "train_X.bin").write_bytes(bytes(27648))
    (tmp_path / "train_y.bin").write_bytes(b"\x01")
    (tmp_path / "class_names.txt").write_bytes("\n".join(["café", *"bcdefghij"]).encode("latin-1"))
    with pytest.raises(DataError, match=r"class_names\.txt is not UTF-8"):
        open_images(tmp_path, progress=False)


def test_names_in_a_table_that_are_not_utf8(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = pyarrow.Array.from_buffers(
        pyarrow.string(), 1, [None, pyarrow.py_buffer(b"\0\0\0\0\x04\0\0\0"), pyarrow.py_buffer(b"caf\xe9")]
    )
    parquet.write_table(
        pyarrow.table({"image": [{"bytes": b"x"}], "label": names}), tmp_path / "rows.parquet"
    )
    refused(tmp_path / "rows.parquet")


# ---- the rule


@pytest.mark.parametrize(
    "error", [RuntimeError("a\nb"), MemoryError(), ZeroDivisionError("x"), OSError(5, "disk")]
)
def test_whatever_is_raised_is_one_sentence(error: Exception) -> None:
    words = r"^photos/x\.bin is damaged.*fetch it or save it again$"
    with pytest.raises(DataError, match=words) as raised, one_sentence(Path("photos/x.bin")):
        raise error
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [DataError("words"), ImportError("pip install x"), PermissionError(13, "no")]
)
def test_what_says_what_to_do_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, one_sentence(Path("x")):
        raise error
    assert raised.value is error


def test_compressed_data_of_another_size_than_declared_name_their_file() -> None:
    data = zlib.compress(b"12345")
    assert decompressed(data, 5, complete=True) == b"12345"
    for size in (3, 0):
        with (
            pytest.raises(DataError, match=r"train\.mat is damaged.*differs from the declared size"),
            one_sentence(Path("train.mat")),
        ):
            decompressed(data, size, complete=True)


def test_a_value_error_of_numpy_in_our_own_frame_names_the_file() -> None:
    ours = {"__name__": "everymode.data.published", "np": np}
    exec("def broken(): np.zeros(3).reshape(2)", ours)  # raised in C: the innermost Python frame is ours
    with (
        pytest.raises(DataError, match=r"^photos/train_X\.bin is damaged.*cannot reshape"),
        one_sentence(Path("photos/train_X.bin")),
    ):
        ours["broken"]()


def test_wrong_arguments_are_not_errors_of_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(ValueError, match=r'^label_column is "x,x"') as raised:
        open_images(tmp_path / "a.npz", label_column="x,x", progress=False)
    assert type(raised.value) is ValueError
    (tmp_path / "a.xyz").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"a\.xyz is of an unknown type") as raised:
        open_images(tmp_path / "a.xyz", progress=False)
    assert type(raised.value) is ValueError
