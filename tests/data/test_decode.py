"""Every rule of decoding, on tiny images with values computed by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from everymode.data import DataError, decode, open_images
from everymode.data.decode import Decoding, Header, decoded, enlargement, read_header
from everymode.data.formats import FORMATS, is_image_name

WHITE = (255, 255, 255)


def _reopened(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return Image.open(io.BytesIO(stream.getvalue()), formats=FORMATS)


def _pixels(
    image: Image.Image,
    channels: int = 3,
    *,
    resolution: tuple[int, int] | None = None,
    fit: str = "crop",
    background: tuple[int, int, int] = WHITE,
) -> np.ndarray:
    size = resolution or (image.height, image.width)
    return decoded(image, Decoding(size, channels, fit, background))[0]


@settings(max_examples=25, deadline=None)
@given(
    pixels=arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))),
    kind=st.sampled_from(["PNG", "BMP", "TIFF"]),
)
def test_lossless_color_comes_back_exactly(pixels: np.ndarray, kind: str) -> None:
    np.testing.assert_array_equal(
        _pixels(_reopened(Image.fromarray(pixels), kind)), pixels.transpose(2, 0, 1)
    )


@settings(max_examples=25, deadline=None)
@given(pixels=arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_gray_is_kept_or_replicated(pixels: np.ndarray) -> None:
    image = _reopened(Image.fromarray(pixels))
    np.testing.assert_array_equal(_pixels(image, 1), pixels[None])
    np.testing.assert_array_equal(_pixels(_reopened(Image.fromarray(pixels)), 3), np.stack([pixels] * 3))


@settings(max_examples=25, deadline=None)
@given(
    pixels=arrays.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    kind=st.sampled_from(["PNG", "TIFF"]),
)
def test_16_bits_are_scaled_not_saturated(pixels: np.ndarray, kind: str) -> None:
    image = _reopened(Image.fromarray(pixels), kind)
    assert image.mode == "I;16"
    np.testing.assert_array_equal(_pixels(image, 1)[0], np.rint(pixels / 257))


def test_the_16_bit_ramp_keeps_its_shades() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert len(np.unique(_pixels(_reopened(Image.fromarray(ramp)), 3))) == 256


def test_32_bit_integers() -> None:
    values = np.array([[0, 257], [65535, 514]], np.int32)
    np.testing.assert_array_equal(
        _pixels(_reopened(Image.fromarray(values), "TIFF"), 1)[0], [[0, 1], [255, 2]]
    )
    for wrong in (-1, 65536):
        with pytest.raises(ValueError, match=r"0 \.\. 65535 is accepted"):
            _pixels(_reopened(Image.fromarray(np.full((2, 2), wrong, np.int32)), "TIFF"))


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="floating-point pixels"):
        _pixels(_reopened(Image.fromarray(np.zeros((2, 2), np.float32)), "TIFF"))


def test_one_bit_images() -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert _pixels(_reopened(image), 1).tolist() == [[[0, 255]]]


def test_palettes_become_their_colors() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50] + [0] * 762)
    image.putdata([0, 1])
    assert _pixels(_reopened(image))[:, 0].T.tolist() == [[10, 20, 30], [200, 100, 50]]


@pytest.mark.parametrize("background", [WHITE, (0, 100, 200)])
def test_alpha_is_laid_over_the_background(background: tuple[int, int, int]) -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 10, 30, 0), (200, 10, 30, 255), (200, 10, 30, 102)])
    seen = _pixels(_reopened(image), background=background)[:, 0].T
    assert seen[0].tolist() == list(background)
    assert seen[1].tolist() == [200, 10, 30]
    expected = 0.4 * np.array([200, 10, 30]) + 0.6 * np.array(background)
    np.testing.assert_allclose(seen[2], expected, atol=1)


def test_gray_alpha_and_transparent_palettes() -> None:
    gray = Image.new("LA", (2, 1))
    gray.putdata([(0, 0), (50, 255)])
    assert _pixels(_reopened(gray), 1).tolist() == [[[255, 50]]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 9, 9, 9] + [0] * 762)
    palette.putdata([0, 1])
    assert _pixels(_reopened(palette, transparency=0))[0].tolist() == [[255, 9]]
    color_key = _reopened(Image.new("RGB", (1, 1), (1, 2, 3)), transparency=(1, 2, 3))
    assert _pixels(color_key)[:, 0, 0].tolist() == [255, 255, 255]


def test_alpha_can_be_kept() -> None:
    image = Image.new("RGBA", (1, 1), (200, 10, 30, 77))
    assert _pixels(_reopened(image), 4)[:, 0, 0].tolist() == [200, 10, 30, 77]
    assert _pixels(_reopened(Image.new("L", (1, 1), 5)), 4)[:, 0, 0].tolist() == [5, 5, 5, 255]


def test_cmyk_becomes_rgb() -> None:
    image = _reopened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    assert image.mode == "CMYK"
    red, green, blue = _pixels(image)[:, 4, 4].astype(int)
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    image = _reopened(stored, exif=exif)
    assert read_header(image)[:2] == (2, 3)
    np.testing.assert_array_equal(_pixels(image, 1, resolution=(2, 3))[0], upright)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), (value, value, value)) for value in (40, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = _reopened(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert getattr(image, "n_frames", 1) == 2
    np.testing.assert_allclose(_pixels(image, 1), 40, atol=1)


def test_crop_takes_the_middle() -> None:
    wide = np.zeros((2, 6, 3), np.uint8)
    wide[:, 2:4] = 90
    assert np.unique(_pixels(Image.fromarray(wide), resolution=(2, 2))).tolist() == [90]
    tall = wide.transpose(1, 0, 2)
    assert np.unique(_pixels(Image.fromarray(tall), resolution=(2, 2))).tolist() == [90]
    # a wide target crops rows, not columns (the filter may read six rows beyond the crop)
    rows = np.zeros((80, 120, 3), np.uint8)
    rows[14:66] = 90
    assert np.unique(_pixels(Image.fromarray(rows), resolution=(20, 60))).tolist() == [90]


def test_pad_keeps_everything_on_the_background() -> None:
    image = Image.new("RGB", (8, 4), (9, 9, 9))
    seen = _pixels(image, resolution=(4, 4), fit="pad", background=(1, 2, 3))
    assert seen[:, 0, 0].tolist() == seen[:, 3, 3].tolist() == [1, 2, 3]
    assert np.unique(seen[:, 1:3]).tolist() == [9]
    assert _pixels(Image.new("L", (8, 4), 9), 1, resolution=(4, 4), fit="pad")[0, 0, 0] == 255
    assert _pixels(Image.new("RGBA", (8, 4)), 4, resolution=(4, 4), fit="pad")[3, 0, 0] == 255


def test_stretch_changes_the_aspect() -> None:
    halves = np.repeat(np.array([[0, 200]], np.uint8), 64, axis=1).repeat(16, axis=0)
    seen = _pixels(Image.fromarray(halves), 1, resolution=(8, 8), fit="stretch")[0]
    assert (seen[:, :3] < 5).all()
    assert (abs(seen[:, 5:].astype(int) - 200) < 5).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_shrinking_is_antialiased(fit: str) -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    np.testing.assert_allclose(_pixels(Image.fromarray(board), 1, resolution=(8, 8), fit=fit), 127, atol=4)


@pytest.mark.parametrize("side", [24, 100, 200])
def test_a_large_jpeg_is_read_small_and_looks_the_same(side: int) -> None:
    y, x = np.mgrid[0:512, 0:768]
    waves = 127 + 60 * np.sin(x * 40 / side) + 60 * np.cos(y * 30 / side)  # too fine for half the target size
    picture = Image.fromarray(waves.clip(0, 255).astype(np.uint8))
    whole = picture.resize((side, side), Image.Resampling.LANCZOS, box=(128, 0, 640, 512))
    seen = _pixels(_reopened(picture, "JPEG", quality=95), 1, resolution=(side, side))[0]
    assert np.abs(seen - np.asarray(whole).astype(int)).max() <= 6


def test_enlargement_by_hand() -> None:
    header = Header(10, 40, "RGB", False)
    assert enlargement(header, (20, 20), "crop") == 2
    assert enlargement(header, (20, 20), "pad") == 0.5
    assert enlargement(header, (20, 20), "stretch") == 2
    assert decoded(Image.new("L", (8, 4)), Decoding((12, 12), 1, "crop", WHITE))[1] == 3


def test_too_many_pixels_are_refused_from_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 99)
    with pytest.raises(ValueError, match="10x10 pixels, more than the 99"):
        _pixels(Image.new("L", (10, 10)))
    assert Image.MAX_IMAGE_PIXELS is not None
    monkeypatch.undo()
    assert decode.MAX_PIXELS <= Image.MAX_IMAGE_PIXELS


def test_truncated_files_raise() -> None:
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "JPEG")
    image = Image.open(io.BytesIO(stream.getvalue()[:-400]))
    with pytest.raises(OSError, match="truncated"):
        _pixels(image)


def test_names_of_images() -> None:
    endings = (".png", ".JPG", ".jpeg", ".webp", ".bmp", ".tiff", ".gif")
    assert all(is_image_name(f"a{end}") for end in endings)
    assert not any(is_image_name(name) for name in ("png", "a.svg", "a.png.txt", "a.psd", "a.eps", ""))


@pytest.mark.parametrize("value_range", ["0..1", "-1..1"])
@pytest.mark.parametrize(("mode", "kind"), [("P", "palette"), ("1", "1-bit"), ("CMYK", "CMYK")])
def test_ranges_that_can_not_be_applied_are_refused(mode: str, kind: str, value_range: str) -> None:
    image = _reopened(Image.new("L", (2, 2), 255).convert(mode), "TIFF")
    decoding = Decoding((2, 2), 1, "crop", WHITE, value_range)
    if (mode, value_range) == ("1", "0..1"):
        assert decoded(image, decoding)[0].tolist() == [[[255, 255], [255, 255]]]  # 1 is white already
        return
    with pytest.raises(ValueError, match=rf"{kind} image, which value_range {value_range} doesn't apply to"):
        decoded(image, decoding)


def test_palettes_are_refused_by_name_if_a_range_is_set(tmp_path: Path) -> None:
    Image.new("P", (2, 2)).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: palette image, which value_range 0\.\.1 doesn't apply"):
        open_images(tmp_path, value_range="0..1", progress=False)
    assert len(open_images(tmp_path, progress=False)) == 1
