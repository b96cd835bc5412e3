"""Pictures of results: sample grids, scatter plots of points, and curves of a run."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, features
from torch import Tensor

from everymode.numbers import NotFinite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


CAPTION_HEIGHT = 22
"""Pixels below a grid for its caption."""


def require_finite(values: Tensor, what: str) -> Tensor:
    """Return the values if they are finite.

    Args:
        what: noun for the values in the error message, such as "a point".

    Raises:
        NotFinite: (a ValueError) if they contain NaN or infinite numbers.
    """
    if not bool(torch.isfinite(values).all()):
        raise NotFinite(_NO_PICTURE.format(f"{what} contains NaN or infinite numbers"))
    return values


def to_uint8(images: Tensor) -> Tensor:
    """Convert images in [-1, 1] to uint8; values outside, also infinite ones, are clipped.

    Args:
        images: floating-point images, or uint8 images, which are returned unchanged.

    Returns:
        uint8 images of the same shape, on the CPU.

    Raises:
        NotFinite: (a ValueError) if they contain NaN.
        TypeError: for images of another type.
    """
    _require_pixels(images)
    if images.dtype == torch.uint8:
        return images.cpu()
    if bool(images.isnan().any()):
        raise NotFinite(_NO_PICTURE.format("an image contains NaN"))
    return images.detach().float().add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8).cpu()


def to_pil(image: Tensor) -> Image.Image:
    """Convert one image [C, H, W] in [-1, 1], or uint8, to a picture: gray (C = 1), RGB (3) or RGBA (4)."""
    _require_channels(len(image))
    array = to_uint8(image).numpy()
    if array.shape[0] == 1:
        return Image.fromarray(array[0])
    return Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))


class _Font(NamedTuple):
    name: str
    drawn: ImageFont.FreeTypeFont
    letters: frozenset[int]
    """Unicode code points that the font has."""


@cache
def _load_font(path: str | None) -> _Font:
    import matplotlib
    from matplotlib.ft2font import FT2Font

    file = path or str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    try:
        drawn = ImageFont.truetype(file, size=14)
        letters = frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError) as error:
        message = f"{file} can't be read as a font ({error}): name a .ttf, .otf or .ttc file"
        raise ValueError(message) from error
    return _Font(str(drawn.getname()[0]), drawn, letters)


def require_font(path: str | Path | None) -> None:
    """Check that a font file can be read; None is the default font, DejaVu Sans.

    Raises:
        ValueError: if it can't.
    """
    _load_font(None if path is None else str(path))


def legible(
    names: Sequence[str], numbers: Sequence[str] | None = None, *, font: str | Path | None = None
) -> tuple[list[str], str]:
    """Return the texts that are drawn for names, and a message if some of them are numbers, or "".

    The number of a name is drawn if the font lacks one of its letters, or if the name has right-to-left letters and
    Pillow was built without Raqm, which orders and joins them.

    Args:
        names: the names.
        numbers: number of each name, as text (default: its position).
        font: the font file; None is DejaVu Sans.

    Raises:
        ValueError: if the font can't be read.
    """
    loaded = _load_font(None if font is None else str(font))
    texts = [" ".join(unicodedata.normalize("NFC", name).split()) for name in names]
    unordered = [] if features.check("raqm") else [text for text in texts if _reads_leftward(text)]
    lacking = [text for text in texts if _lacks_letters(loaded, text)]
    message = ""
    for bad, reason in (
        (lacking, f"the font {loaded.name} lacks letters of"),
        (unordered, "Pillow lacks Raqm for"),
    ):
        if bad and not message:
            shown = ", ".join(bad[:3]).encode("utf-8", "backslashreplace").decode()
            more = ", ..." if len(bad) > 3 else ""
            message = f"{reason} {shown}{more}: pictures have the number of such a class instead of its name"
    if lacking:
        message += "; --font FILE names another font"
    drawn = [
        str(index if numbers is None else numbers[index]) if text in lacking or text in unordered else text
        for index, text in enumerate(texts)
    ]
    return drawn, message


def _lacks_letters(font: _Font, text: str) -> bool:
    # Format characters, such as the joiners of Persian, have no glyphs.
    return any(ord(letter) not in font.letters and unicodedata.category(letter) != "Cf" for letter in text)


def _reads_leftward(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)


def grid(
    images: Tensor,
    *,
    columns: int,
    row_names: Sequence[str] = (),
    row_numbers: Sequence[str] | None = None,
    font: str | Path | None = None,
    scale: int | None = None,
    gap: int = 2,
    caption: str = "",
) -> Image.Image:
    """Arrange images [N, C, H, W] in [-1, 1], or uint8 in 0 .. 255, in a grid, row by row.

    Args:
        columns: images per row.
        row_names: text to the left of each row.
        row_numbers: texts to draw instead of names that the font can't draw (default: numbers from 0), see `legible`.
        font: font file of the names; None is DejaVu Sans (Latin, Greek, Cyrillic, Arabic, Hebrew and others).
        scale: integer enlargement factor (nearest pixel); None = automatic, so that small images can be seen.
        gap: pixels between images.
        caption: text below the images, in DejaVu Sans.

    Raises:
        TypeError: for images of another type.
        ValueError: if the images have another shape, `columns` or `scale` is below 1, or the font can't be read.
    """
    _require_pixels(images)
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"a grid needs images [N, C, H, W] with N > 0, not shape {tuple(images.shape)}")
    if columns < 1:
        raise ValueError(f"columns of a grid must be at least 1, not {columns}")
    if scale is not None and scale < 1:
        raise ValueError(f"scale of a grid must be at least 1, or None for automatic, not {scale}")
    _require_channels(images.shape[1])
    count, channels, height, width = images.shape
    scale = scale or max(1, round(48 / max(height, width)))
    rows = -(-count // columns)
    cell_height, cell_width = height * scale + gap, width * scale + gap
    texts, _ = legible(row_names, row_numbers, font=font) if row_names else ([], "")
    lettering = _load_font(None if font is None else str(font)).drawn if texts else None
    widest = max((lettering.getlength(text) for text in texts), default=0) if lettering else 0
    margin = math.ceil(widest) + 12 if texts else 0
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    background = {"L": 255, "RGB": (255, 255, 255), "RGBA": (255, 255, 255, 255)}[mode]
    picture = Image.new(mode, (margin + columns * cell_width + gap, rows * cell_height + gap), background)
    for position, image in enumerate(images):
        row, column = divmod(position, columns)
        tile = to_pil(image).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        picture.paste(tile, (margin + column * cell_width + gap, row * cell_height + gap))
    if texts:
        draw = ImageDraw.Draw(picture)
        ink = {"L": 0, "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}[mode]
        for row, text in enumerate(texts[:rows]):
            middle = row * cell_height + gap + height * scale / 2
            draw.text((4, middle), text, fill=ink, font=lettering, anchor="lm")
    return _captioned(picture, caption, background) if caption else picture


def _captioned(picture: Image.Image, caption: str, background: int | tuple[int, ...]) -> Image.Image:
    """Return the picture, with text below it."""
    lettering = _load_font(None).drawn
    width = max(picture.width, math.ceil(lettering.getlength(caption)) + 8)
    taller = Image.new(picture.mode, (width, picture.height + CAPTION_HEIGHT), background)
    taller.paste(picture, (0, 0))
    ink = {"L": 0, "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}[picture.mode]
    middle = picture.height + CAPTION_HEIGHT / 2
    ImageDraw.Draw(taller).text((4, middle), caption, fill=ink, font=lettering, anchor="lm")
    return taller


def save_grid(
    images: Tensor,
    path: str | Path,
    *,
    columns: int | None = None,
    row_names: Sequence[str] = (),
    row_numbers: Sequence[str] | None = None,
    font: str | Path | None = None,
    caption: str = "",
) -> Path:
    """Save images [N, C, H, W] in [-1, 1], or uint8 in 0 .. 255, as one picture.

    Args:
        columns: images per row; None = automatic, for a square grid.
        row_names, row_numbers, font, caption: as for `grid`.

    Returns:
        The path of the picture.

    Raises:
        TypeError: for images of another type.
        ValueError: if the images have another shape, `columns` is below 1, or the font can't be read.
    """
    columns = max(1, round(len(images) ** 0.5)) if columns is None else columns
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"row_names": row_names, "row_numbers": row_numbers, "font": font, "caption": caption}
    grid(images, columns=columns, **names).save(path)
    return path


def new_figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, and its panels row by row.

    Args:
        size: (width, height) in inches.
    """
    # The object-oriented interface, not pyplot, has no global state, needs no display, and is imported when it is used.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 110) -> Path:
    """Save a figure, create its folder if necessary, and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
    return path


def save_scatter(points: Tensor, path: Path, *, labels: Tensor | None = None, means: Any = None) -> Path:
    """Save points [N, 2] as a scatter plot.

    Args:
        labels: [N], which determine the colors.
        means: [modes, 2], the true modes, drawn as crosses.

    Returns:
        The path of the picture.

    Raises:
        NotFinite: (a ValueError) if the points contain NaN or infinite numbers.
    """
    require_finite(points, "a point")
    figure, (panel,) = new_figure(size=(5.0, 5.0))
    x, y = points.detach().float().cpu().numpy().T
    colors = None if labels is None else labels.cpu().numpy()
    shading = {} if colors is None else {"c": colors, "cmap": "tab20"}
    panel.scatter(x, y, s=3, linewidths=0, **shading)
    if means is not None:
        centers = np.asarray(means)
        panel.scatter(centers[:, 0], centers[:, 1], marker="+", c="black", s=30, linewidths=0.7)
    panel.set_aspect("equal")
    return save_figure(figure, path)


def save_curves(records: list[dict[str, Any]], path: Path, *, augmented: bool = False) -> Path | None:
    """Plot all numbers of a run's log and metrics against the step, in panels by subject.

    Args:
        records: lines of log.jsonl and metrics.jsonl, each with "step".
        augmented: whether the training images and samples that the discriminator scored were augmented, which the
            legend then says of their curves. Those of the collapse watch are not.

    Returns:
        The path of the picture, or None if there are fewer than two steps or no numbers.
    """
    steps = {record["step"] for record in records}
    names = sorted({name for record in records for name, value in record.items() if _is_number(name, value)})
    curves = {title: [name for name in names if belongs(name)] for title, belongs in _PANELS.items()}
    curves = {title: names for title, names in curves.items() if names}
    if not curves or len(steps) < 2:
        return None
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, panels = new_figure(rows, columns, size=(4.2 * columns, 3.0 * rows))
    for panel, (title, names) in zip(panels, curves.items(), strict=False):
        for name in names:
            points = [(record["step"], record[name]) for record in records if record.get(name) is not None]
            panel.plot(*zip(*points, strict=True), label=_legend(name, augmented), linewidth=1)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("generator steps", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.legend(fontsize=6)
        panel.grid(alpha=0.3)
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    return save_figure(figure, path)


def _legend(name: str, augmented: bool) -> str:
    short = name.split("/", 1)[-1]
    return f"{short} (augmented)" if augmented and name.startswith("judgment/") else short


_REALNESS = ("judgment/real", "judgment/fake", "watch/held_out")
_ABOVE_0 = (
    "judgment/real_above_0",
    "judgment/fake_above_0",
    "watch/training_above_0",
    "watch/held_out_above_0",
)
_PANELS: dict[str, Callable[[str], bool]] = {
    "discriminator losses": lambda name: name.startswith("discriminator/"),
    "generator losses": lambda name: name.startswith("generator/"),
    "realness (0 = undecided)": lambda name: name in _REALNESS,
    "samples compared with reals, 8x8 pixels": lambda name: (
        name in ("watch/coverage", "watch/variety", "watch/labels_hit")
    ),
    "class scores of the discriminator": lambda name: (
        name in ("watch/self_accuracy", "watch/validation_accuracy")
    ),
    "overfitting of the discriminator (1 = held out looks fake)": lambda name: name == "watch/overfitting",
    "fraction scored as real": lambda name: name in _ABOVE_0,
    "largest singular value of a layer": lambda name: name.endswith("_singular_value"),
    "gradient norms": lambda name: name.startswith("gradient_norm/"),
    "scores": lambda name: "/" not in name,
}


def _is_number(name: str, value: Any) -> bool:
    not_curves = ("step", "images", "seconds", "rank", "card")
    return name not in not_curves and isinstance(value, (int, float))


def _require_pixels(images: Any) -> None:
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a torch tensor, not {type(images).__name__}: torch.as_tensor(images) converts an array"
        )
    if not images.is_floating_point() and images.dtype != torch.uint8:
        raise TypeError(
            f"images must be floating-point numbers in [-1, 1], or uint8 in 0 .. 255, not {images.dtype}: convert "
            "numbers in 0 .. 255 by .to(torch.uint8)"
        )


_NO_PICTURE = (
    "{}, so there is no picture of it: if it is generated, training has diverged; use an earlier checkpoint"
)


def _require_channels(channels: int) -> None:
    if channels not in (1, 3, 4):
        raise ValueError(f"an image with {channels} channels can't be shown: it must have 1, 3 or 4 channels")
