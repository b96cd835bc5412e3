"""Value ranges: detected by the documented rule or set by the user, and notes on black images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from everymode.cli import main
from everymode.data import DataError, check, open_images
from everymode.data import arrays as arrays_module
from everymode.evaluation.protocol import Protocol
from everymode.evaluation.sides import open_sides
from everymode.recipes import omni_gan

RANDOM = np.random.default_rng(5)
GRAY = np.linspace(0, 1, 48).reshape(2, 4, 6)


def _opened(tmp_path: Path, values: np.ndarray, **how: object) -> tuple[np.ndarray, tuple[str, ...]]:
    np.save(tmp_path / "a.npy", values)
    dataset = open_images(tmp_path / "a.npy", progress=False, cache_dir=tmp_path / "cache", **how)
    return np.asarray(dataset.images), dataset.notes


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize(
    ("values", "name"),
    [
        (GRAY * 1.0999 - 0.0499, "0..1"),
        (GRAY.astype(np.float32) * np.float32(1.0000002), "0..1"),
        (GRAY * 2.09 - 1.045, "-1..1"),
        (GRAY * 0.9 - 0.06, "-1..1"),
    ],
)
def test_overshoot_is_clamped_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: np.ndarray, name: str, *, lazily: bool
) -> None:
    if lazily:
        monkeypatch.setattr(arrays_module, "CONVERTED_BYTES", 0)
    seen, notes = _opened(tmp_path, values)
    white = {"0..1": values, "-1..1": (values.astype(float) + 1) / 2}[name]
    np.testing.assert_array_equal(seen[:, 0], np.clip(np.rint(white.astype(float) * 255), 0, 255))
    if values.max() > 1 or values.min() < -1:
        assert len(notes) == 1 and f"read as {name} and clamped" in notes[0]


def test_bytes_as_fractions_need_bright_values(tmp_path: Path) -> None:
    values = np.zeros((100, 1, 2, 8))
    values.reshape(-1)[:16] = 2.5  # 1 % of 1,600
    assert _opened(tmp_path, values)[0].reshape(-1)[:17].tolist() == [2] * 16 + [0]
    values.reshape(-1)[15] = 1.5
    with pytest.raises(DataError, match=r"0\.938 % above 2.*value_range=.*--value-range"):
        _opened(tmp_path, values)
    assert _opened(tmp_path, values, value_range="0..255")[0].max() == 2
    assert _opened(tmp_path, RANDOM.uniform(-0.4, 255.4, (2, 8, 8)))[0].max() == 255


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        (np.array([0.0, 0.5, 1.2, 0.9]), "25 % are outside 0..1, 25 % outside -1..1, 0 % outside 0..255"),
        (np.array([-3.0, 0, 200, 255]), "75 % are outside 0..1.*25 % outside 0..255, and 50 % above 2"),
        (np.array([0.0, np.inf, 0.5, 1.0]), "25 % are not finite"),
        (np.array([-2.0, 0.0, 1.0, 2.2]), "rescale them to one of 0..1"),
        (np.array([-1, 0, 1, 1], np.int8), "if their range is -1..1, set .*--value-range -1..1"),
        (np.array([0, 0, 300, 9], np.int32), "if their range is 0..65535, set"),
    ],
)
def test_what_fits_no_range_is_refused_with_shares(tmp_path: Path, values: np.ndarray, shares: str) -> None:
    with pytest.raises(DataError, match=shares):
        _opened(tmp_path, values.reshape(1, 2, 2))


def test_said_ranges_decide(tmp_path: Path) -> None:
    fractions = np.array([0.0, 0.25, 1.0]).reshape(1, 3, 1)
    assert _opened(tmp_path, fractions, value_range="-1..1")[0].reshape(-1).tolist() == [128, 159, 255]
    whole = np.array([0, 257, 65535]).reshape(1, 3, 1)
    with pytest.raises(DataError, match=r"--value-range 0\.\.65535"):
        _opened(tmp_path, whole)
    assert _opened(tmp_path, whole, value_range="0..65535")[0].reshape(-1).tolist() == [0, 1, 255]
    with pytest.raises(DataError, match=r"66\.7 % of them outside the requested range 0\.\.255"):
        _opened(tmp_path, whole % 50_000, value_range="0..255")
    mask = np.array([0, 1, 1], np.uint8).reshape(1, 3, 1)
    assert _opened(tmp_path, mask, value_range="0..1")[0].reshape(-1).tolist() == [0, 255, 255]
    with pytest.raises(ValueError, match=r"choose one of 0\.\.1, -1\.\.1"):
        _opened(tmp_path, mask, value_range="0..100")
    with pytest.raises(ValueError, match="built in"):
        open_images("ring", value_range="0..1")
    with pytest.raises(DataError, match="8-bit values, which can't reach"):
        _opened(tmp_path, mask, value_range="0..65535")
    with pytest.raises(DataError, match="points"):
        _opened(tmp_path, np.zeros((5, 2)), value_range="0..1")


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64, np.int32, np.float16])
def test_byte_order_does_not_matter(tmp_path: Path, kind: type) -> None:
    values = np.array([0, 1, 200, 255] if kind != np.uint16 else [0, 5, 300, 65535]).reshape(1, 2, 2)
    native, _ = _opened(tmp_path, values.astype(kind))
    swapped, _ = _opened(tmp_path, values.astype(np.dtype(kind).newbyteorder(">")))
    np.testing.assert_array_equal(native, swapped)
    assert native.max() == 255


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        (np.array([0, 3, 255], np.uint16), "0..255"),
        (np.array([0, 3, 255], ">u2"), "0..255"),
        (np.array([0, 1, 1], np.uint16), "0..1"),
        (np.array([0, 1, 0], np.uint8), "0..1"),
        (np.array([0, 1, 0], np.int64), "0..1"),
    ],
)
def test_arrays_that_look_black_get_a_note(tmp_path: Path, values: np.ndarray, meant: str) -> None:
    seen, notes = _opened(tmp_path, values.reshape(1, 3, 1))
    assert seen.max() <= 1
    assert len(notes) == 1 and f"--value-range {meant}" in notes[0]
    seen, notes = _opened(tmp_path, values.reshape(1, 3, 1), value_range=meant)
    assert seen.max() == 255 and notes == ()


def test_usual_arrays_get_no_note(tmp_path: Path) -> None:
    for values in (np.array([0, 2]), np.array([0, 256], np.uint16), np.array([0, 1], bool)):
        assert _opened(tmp_path, values.reshape(1, 1, 2))[1] == ()


def test_one_color_image(tmp_path: Path) -> None:
    image = RANDOM.integers(0, 256, (3, 5, 3), dtype=np.uint8)
    seen, notes = _opened(tmp_path, image)
    np.testing.assert_array_equal(seen, image.transpose(2, 0, 1)[None])
    assert "one image of 3x5 with 3 channels" in notes[0]
    four = RANDOM.uniform(0, 1, (6, 6, 4))
    assert _opened(tmp_path, four, channels=4)[0].shape == (1, 4, 6, 6)
    # one label per row: these are gray images of width 4
    np.savez(tmp_path / "l.npz", images=np.zeros((6, 5, 4), np.uint8), labels=np.arange(6))
    assert open_images(tmp_path / "l.npz").images.shape == (6, 1, 5, 4)


def _folder(tmp_path: Path, images: dict[str, np.ndarray]) -> Path:
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    for name, pixels in images.items():
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("pixels", "meant"),
    [
        (np.array([[0, 7], [90, 255]], np.uint16), "0..255"),
        (np.array([[0, 1], [1, 1]], np.uint16), "0..1"),
        (np.array([[0, 1], [1, 1]], np.uint8), "0..1"),
        (np.array([[[0, 1, 0], [1, 1, 0]]], np.uint8), "0..1"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_files_that_look_black_get_a_note(tmp_path: Path, pixels: np.ndarray, meant: str, name: str) -> None:
    folder = _folder(tmp_path, {name: pixels, f"b-{name}": pixels // 2})
    how = {"progress": False, "cache_dir": tmp_path / "cache"}
    for _ in range(2):  # decoded, and from the cache
        dataset = open_images(folder, **how)
        assert dataset.images[:].max() <= 1
        assert [f"--value-range {meant}" in note for note in dataset.notes] == [True]
    assert any(f"--value-range {meant}" in note for note in check(folder, progress=False).notes)
    scaled = open_images(folder, value_range=meant, **how)
    assert scaled.images[0].max() == 255 and scaled.notes == ()
    assert check(folder, value_range=meant, progress=False).notes == ()


def test_one_bright_file_is_enough(tmp_path: Path) -> None:
    dark, bright = np.array([[0, 1]], np.uint8), np.array([[0, 200]], np.uint8)
    folder = _folder(tmp_path, {"a.png": dark, "b.png": bright})
    assert open_images(folder, progress=False, cache_dir=tmp_path / "cache").notes == ()
    with pytest.raises(DataError, match=r"outside the requested range 0\.\.1"):
        open_images(folder, value_range="0..1", progress=False, cache_dir=tmp_path / "cache")


def test_floating_point_files_need_a_range(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {"a.tif": np.array([[0, 0.5], [1, 1.02]], np.float32)})
    with pytest.raises(DataError, match="--value-range"):
        open_images(folder, progress=False, cache_dir=tmp_path / "cache")
    dataset = open_images(folder, value_range="0..1", progress=False, cache_dir=tmp_path / "cache")
    assert dataset.images[0, 0].tolist() == [[0, 128], [255, 255]]


def _png(header: tuple[int, int], pixels: np.ndarray, transparent: bytes = b"") -> bytes:
    """Return a PNG of `header` = (bits, color type) from [H, row bytes]."""
    bits, color = header

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    samples = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    width = pixels.shape[1] * 8 // (bits * samples)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    png = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, len(pixels), bits, color, 0, 0, 0)
    )
    png += chunk(b"tRNS", transparent) if transparent else b""
    return png + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_transparency_of_16_bit_gray_is_exact(tmp_path: Path) -> None:
    # 999 is transparent, 1000, which is the same in 8 bits, is not
    gray = np.array([[999, 1000, 0, 65535]], ">u2")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(_png((16, 0), gray.view(np.uint8), struct.pack(">H", 999)))
    how = {"progress": False, "cache_dir": tmp_path / "cache"}
    assert open_images(tmp_path / "p", **how).images[0, 0, 0].tolist() == [255, 4, 0, 255]
    assert open_images(tmp_path / "p", channels=4, **how).images[0, 3, 0].tolist() == [0, 255, 255, 255]
    black = open_images(tmp_path / "p", background=(0, 0, 0), channels=3, **how).images[0, :, 0, 0]
    assert black.tolist() == [0, 0, 0]


def test_16_bit_gray_with_alpha_is_gray(tmp_path: Path) -> None:
    both = np.array([[0x8000, 65535, 0x8000, 0]], ">u2")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(_png((16, 4), both.view(np.uint8)))
    dataset = open_images(tmp_path / "p", progress=False, cache_dir=tmp_path / "cache")
    assert dataset.images[0].tolist() == [[[128, 255]]]
    assert check(tmp_path / "p", progress=False).modes == (("LA", 1),)
    color = np.array([[7, 7, 7]], ">u2")
    (tmp_path / "p" / "a.png").write_bytes(_png((16, 2), color.view(np.uint8)))
    dataset = open_images(tmp_path / "p", progress=False, cache_dir=tmp_path / "cache")
    assert "16-bit" in dataset.notes[0]
    with pytest.raises(DataError, match="16-bit color"):
        open_images(tmp_path / "p", value_range="0..255", progress=False, cache_dir=tmp_path / "cache")


def test_the_flag_of_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8)))
    assert main(["data", "check", str(tmp_path / "a.npy"), "--value-range", "-1..1"]) == 0
    assert "--value-range -1..1" in capsys.readouterr().out  # the suggested command line works
    for command in (["train", "omni-gan-32"], ["partition"], ["evaluate"]):
        assert main([*command, "--help"]) == 0
        assert "--value-range" in capsys.readouterr().out
    assert omni_gan.IMAGES64.with_numbers(value_range="-1..1").value_range == "-1..1"
    assert omni_gan.IMAGES64.with_numbers(value_range="auto").value_range is None
    with pytest.raises(ValueError, match=r"value_range is one of 0\.\.1"):
        omni_gan.IMAGES64.with_numbers(value_range="0..2")


def test_both_sides_of_an_evaluation(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", RANDOM.integers(0, 2, (6, 8, 8), dtype=np.uint8))
    sides = open_sides(tmp_path / "a.npy", tmp_path / "a.npy", Protocol(value_range="0..1"))
    assert [int(np.asarray(side.images).max()) for side in (sides.fake, sides.real)] == [255, 255]
    assert sides.value_range == "0..1"  # for images held out from training


def test_masks_in_other_files(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 2, (4, 5, 6), dtype=np.uint8)
    header = struct.pack(">HBB", 0, 8, 3) + struct.pack(">III", 4, 5, 6)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
    how = {"progress": False, "cache_dir": tmp_path / "cache"}
    dataset = open_images(tmp_path / "train-images-idx3-ubyte", **how)
    assert any("--value-range 0..1" in note for note in dataset.notes)
    dataset = open_images(tmp_path / "train-images-idx3-ubyte", value_range="0..1", **how)
    np.testing.assert_array_equal(dataset.images[:, 0], pixels * 255)
    assert not any("--value-range" in note for note in dataset.notes)
