"""Pictures: rounding, sizes, places and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from everymode.numbers import NotFinite
from everymode.pictures import (
    _PANELS,
    grid,
    legible,
    require_font,
    save_curves,
    save_grid,
    save_scatter,
    to_pil,
    to_uint8,
)


def test_what_is_not_a_number_has_no_picture(tmp_path: Path) -> None:
    spoilt = torch.zeros(2, 3, 4, 4)
    spoilt[1, 2, 3, 0] = torch.nan
    with pytest.raises(NotFinite, match="earlier checkpoint"):
        save_grid(spoilt, tmp_path / "a.png")
    with pytest.raises(NotFinite, match="a point contains NaN or infinite"):
        save_scatter(torch.tensor([[0.0, torch.inf]]), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_values_are_rounded_and_clipped() -> None:
    levels = torch.tensor(
        [-2.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 0.0, 1.0, 1.5, torch.inf, -torch.inf]
    )
    assert to_uint8(levels).tolist() == [0, 0, 0, 1, 128, 255, 255, 255, 0]


def test_every_level_comes_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(to_uint8(levels.to(dtype) / 127.5 - 1), levels)
    given = torch.zeros(2, requires_grad=True)
    assert to_uint8(given).dtype == torch.uint8
    assert given.tolist() == [0, 0]


def test_bytes_are_pictures_as_they_are(tmp_path: Path) -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_uint8(levels), levels)
    assert np.array_equal(np.asarray(to_pil(levels[0])), levels[0, 0].numpy())
    path = save_grid(levels.repeat_interleave(3, 2).repeat_interleave(3, 3), tmp_path / "grid.png")
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture)[2:-2:3, 2:-2:3][:16, :16], levels[0, 0].numpy())


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int8, torch.bool])
def test_other_whole_numbers_are_no_pictures(dtype: torch.dtype, tmp_path: Path) -> None:
    said = rf"numbers in \[-1, 1\], or uint8 in 0 .. 255, not {dtype}"
    for draw in (to_uint8, lambda images: save_grid(images, tmp_path / "grid.png")):
        with pytest.raises(TypeError, match=said):
            draw(torch.ones(1, 1, 4, 4, dtype=dtype))
    assert not list(tmp_path.iterdir())


def test_an_array_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="images must be a torch tensor, not ndarray"):
        save_grid(np.zeros((1, 1, 4, 4)), tmp_path / "grid.png")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_one_image_as_a_picture(channels: int, mode: str) -> None:
    image = torch.linspace(-1, 1, channels * 6).view(channels, 2, 3)
    picture = to_pil(image)
    assert (picture.mode, picture.size) == (mode, (3, 2))
    expected = to_uint8(image).permute(1, 2, 0).squeeze(-1)
    assert np.array_equal(np.asarray(picture), expected.numpy())


def test_a_picture_has_1_3_or_4_channels() -> None:
    with pytest.raises(ValueError, match="2 channels can't be shown"):
        to_pil(torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="2 channels can't be shown"):
        grid(torch.zeros(1, 2, 4, 4), columns=1)


def test_automatic_scale_and_columns_are_none_and_not_0(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scale of a grid must be at least 1, or None for automatic, not 0"):
        grid(torch.zeros(1, 1, 4, 4), columns=1, scale=0)
    with pytest.raises(ValueError, match="columns of a grid must be at least 1, not 0"):
        save_grid(torch.zeros(1, 1, 4, 4), tmp_path / "grid.png", columns=0)


def test_a_grid_lays_out_row_by_row() -> None:
    images = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 1, 4, 6)
    picture = grid(images, columns=3, scale=2, gap=1)
    assert picture.size == (3 * 13 + 1, 2 * 9 + 1)
    pixels = np.asarray(picture)
    tiles = [
        pixels[1:9, 1:13],
        pixels[1:9, 14:26],
        pixels[1:9, 27:39],
        pixels[10:18, 1:13],
        pixels[10:18, 14:26],
    ]
    assert [int(tile.min()) for tile in tiles] == [int(tile.max()) for tile in tiles]
    assert [int(tile[0, 0]) for tile in tiles] == to_uint8(images[:, 0, 0, 0]).tolist()
    assert (pixels[10:18, 27:39] == 255).all()


def test_row_names_make_room_at_the_left() -> None:
    images = torch.full((4, 3, 16, 16), -1.0)
    plain, named = grid(images, columns=2), grid(images, columns=2, row_names=("ant", "beetle"))
    assert named.height == plain.height
    assert named.width > plain.width
    margin = np.asarray(named)[:, : named.width - plain.width]
    assert margin.min() < 128


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_caption_is_below_the_images(channels: int) -> None:
    images = torch.full((4, channels, 16, 16), 1.0)
    plain, captioned = grid(images, columns=4), grid(images, columns=4, caption="with augmentation")
    assert captioned.height > plain.height and captioned.width >= plain.width
    pixels = np.asarray(captioned)
    assert (pixels[: plain.height, : plain.width] == np.asarray(plain)).all()
    assert pixels[plain.height :].min() < 128
    long = grid(images, columns=1, caption="with an augmentation that has a long name")
    assert (np.asarray(long)[:, -4:] == 255).all()  # it ends before the edge


def test_the_legend_says_which_curves_are_of_augmented_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("judgment/real", "judgment/fake", "watch/held_out", "judgment/real_above_0", "discriminator/r1")
    records = [{"step": step, **dict.fromkeys(names, 1.0)} for step in (1, 2)]
    legends = []
    for augmented in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr("everymode.pictures.save_figure", lambda figure, path: legends.append(figure))
            save_curves(records, tmp_path / "curves.png", augmented=augmented)
    shown = [{line.get_label() for panel in figure.axes for line in panel.get_lines()} for figure in legends]
    assert shown[0] == {"real", "fake", "held_out", "real_above_0", "r1"}
    augmented = {"real (augmented)", "fake (augmented)", "real_above_0 (augmented)"}
    assert shown[1] == {*augmented, "held_out", "r1"}


def test_a_grid_needs_images() -> None:
    for wrong in (torch.zeros(0, 3, 4, 4), torch.zeros(3, 4, 4)):
        with pytest.raises(ValueError, match=r"a grid needs images \[N, C, H, W\]"):
            grid(wrong, columns=1)
    for columns in (0, -1):
        with pytest.raises(ValueError, match="columns"):
            grid(torch.zeros(1, 3, 4, 4), columns=columns)


def test_grids_are_saved_about_square(tmp_path: Path) -> None:
    path = save_grid(torch.zeros(9, 3, 64, 64), tmp_path / "new" / "grid.png")
    with Image.open(path) as picture:
        assert picture.size == (3 * 66 + 2, 3 * 66 + 2)


def test_curves_of_a_run(tmp_path: Path) -> None:
    records = [
        {"step": step, "discriminator/adversarial": 1.0, "judgment/real": 0.5, "seconds": 3}
        for step in (1, 2, 3)
    ]
    records[1]["discriminator/lazy"] = 2.0
    path = save_curves(records, tmp_path / "curves.png")
    assert path is not None
    with Image.open(path) as picture:
        assert picture.width > picture.height
    assert save_curves(records[:1], tmp_path / "one.png") is None
    assert save_curves([{"step": 1, "seconds": 2}] * 3, tmp_path / "none.png") is None
    assert save_curves([], tmp_path / "none.png") is None
    assert [found.name for found in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("gradient_norm/discriminator", "gradient norms"),
        ("gradient_norm/generator", "gradient norms"),
        ("discriminator/adversarial", "discriminator losses"),
        ("generator/adversarial", "generator losses"),
        ("judgment/real", "realness (0 = undecided)"),
        ("watch/held_out", "realness (0 = undecided)"),
        ("watch/held_out_above_0", "fraction scored as real"),
        ("watch/overfitting", "overfitting of the discriminator (1 = held out looks fake)"),
        ("watch/generator_singular_value", "largest singular value of a layer"),
        ("fd-digits", "scores"),
    ],
)
def test_each_curve_has_one_panel(name: str, title: str) -> None:
    assert [shown for shown, belongs in _PANELS.items() if belongs(name)] == [title]


def test_points_as_a_scatter_plot(tmp_path: Path) -> None:
    points = torch.randn(20, 2, requires_grad=True)
    path = save_scatter(points, tmp_path / "points.png", labels=torch.arange(20), means=np.zeros((3, 2)))
    with Image.open(path) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


# ---- names

SCRIPTS = ("Größe", "ελληνικά", "ёлка", "قطة صغيرة", "می\u200cرود", "חתול")


def test_names_in_five_scripts_are_drawn() -> None:
    texts, message = legible(SCRIPTS)
    assert (texts, message) == ([*SCRIPTS], "") or not features.check("raqm")
    images = torch.ones(len(SCRIPTS), 1, 20, 20)
    picture = np.asarray(grid(images, columns=1, row_names=SCRIPTS))
    rows = [picture[index * 42 : (index + 1) * 42, :-42] for index in range(len(SCRIPTS))]
    assert all(row.min() < 128 for row in rows) and len({row.tobytes() for row in rows}) == len(SCRIPTS)
    assert all((row[:, -4:] == 255).all() for row in rows)  # no name reaches into the images


def test_the_number_is_drawn_for_letters_that_the_font_lacks() -> None:
    names = ("cat", "東京", "a\u0301 \n b", "नमस्ते", "\udcff")
    texts, message = legible(names)
    assert texts == ["cat", "1", "á b", "3", "4"]
    assert message == (
        "the font DejaVu Sans lacks letters of 東京, नमस्ते, \\udcff: pictures have the number of such a class instead "
        "of its name; --font FILE names another font"
    )
    assert legible(names, ["7", "8", "9", "6", "5"])[0] == ["cat", "8", "á b", "6", "5"]
    images = torch.zeros(5, 3, 16, 16)
    assert grid(images, columns=1, row_names=names) == grid(images, columns=1, row_names=texts)


def test_without_raqm_names_that_read_leftward_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everymode.pictures.features.check", lambda name: False)
    assert legible(SCRIPTS)[0] == [*SCRIPTS[:3], "3", "4", "5"]
    assert "Pillow lacks Raqm for قطة صغيرة" in legible(SCRIPTS)[1]


def test_another_font_file_may_be_named(tmp_path: Path) -> None:
    import matplotlib

    font = Path(matplotlib.get_data_path(), "fonts", "ttf", "cmr10.ttf")
    texts, message = legible(("cat", "ёлка"), font=font)
    assert texts == ["cat", "1"] and "cmr10 lacks letters of ёлка" in message
    images = torch.zeros(1, 1, 16, 16)
    own, default = (grid(images, columns=1, row_names=["cat"], font=each) for each in (font, None))
    assert own.tobytes() != default.tobytes()
    (tmp_path / "font.ttf").write_text("no font")
    for wrong in (tmp_path / "font.ttf", tmp_path / "missing.otf"):
        with pytest.raises(
            ValueError, match=r"can't be read as a font .*: name a \.ttf, \.otf or \.ttc file"
        ):
            require_font(wrong)
