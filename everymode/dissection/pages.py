"""HTML pages of a dissection: one per layer with the pictures of its units, and an index with the curve.

The pages need no script and no other file: pictures are part of them. All names are escaped.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from everymode.dissection.curves import plot_curves
from everymode.dissection.dissecting import Dissection, LayerDissection
from everymode.dissection.records import label_name, protocol_of
from everymode.dissection.strips import strip
from everymode.dissection.strongest import StrongestImages, StrongestOfLayer

__all__ = ["layer_page", "write_conditions", "write_pages"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5em auto; max-width: 76em; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 1.6em; }
table { border-collapse: collapse; margin: .6em 0; } th, td { padding: .2em .7em; border-bottom: 1px solid #ddd; }
th { text-align: left; background: #f4f4f4; } td.n, th.n { text-align: right; }
.units { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1.1em; }
figure { margin: 0; } figure.off { opacity: .6; } figcaption { margin-bottom: .25em; }
img { max-width: 100%; height: auto; display: block; } .note { color: #666; }
"""


def write_pages(
    folder: Path,
    dissection: Dissection,
    strongest: StrongestImages,
    *,
    names: Sequence[str] = (),
    title: str = "Dissection",
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write index.html, curve.png and one page per layer (layer-0.html, ...) into a folder.

    Args:
        folder: an existing folder.
        dissection: result of `dissect`.
        strongest: result of `strongest_images` for it.
        names: names of the labels.
        title: title of the pages.
        facts: further facts to show, such as the generator and the condition.

    Returns:
        The path of index.html.
    """
    curve = plot_curves(dissection, folder / "curve.png")
    for layer, of_layer in zip(dissection.layers, strongest.layers, strict=True):
        text = layer_page(dissection, layer, of_layer, strongest.images, names=names, title=title)
        _write(folder / _file(layer), text)
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts({**(facts or {}), **_protocol(dissection)}),
        "<h2>Units against the tail</h2>",
        "<p>The number of interpretable units depends on the tail at least as much as on training: compare layers and "
        "generators at equal tails.</p>",
        f'<img src="{_data("image/png", curve.read_bytes())}" alt="Interpretable units of each layer by tail">',
        _curve_table(dissection),
    ]
    return _write(folder / "index.html", _page(title, body))


def write_conditions(
    folder: Path,
    dissections: Mapping[str, Dissection],
    pages: Sequence[str],
    changed: Mapping[int, Tensor],
    *,
    names: Sequence[str] = (),
    title: str = "Dissection",
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write index.html for several conditions, with the units that show different labels.

    Args:
        folder: an existing folder.
        dissections: condition -> result of `dissect`.
        pages: path of the index of each condition, relative to the folder.
        changed: result of `changed_units`.
        names: names of the labels.
        title: title of the page.
        facts: further facts to show.

    Returns:
        The path of index.html.
    """
    results = list(dissections.values())
    links = [
        f'<li><a href="{escape(page)}">{escape(condition)}</a></li>'
        for condition, page in zip(dissections, pages, strict=True)
    ]
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts({**(facts or {}), **_protocol(results[0])}),
        f"<h2>Conditions</h2><ul>{''.join(links)}</ul>",
        "<h2>Changed units</h2>",
        "<p>A unit changes if it is interpretable under at least two conditions, with different labels.</p>",
        _table(
            ["layer", "units", "changed", *dissections],
            [
                [
                    layer.name,
                    len(layer.best_label),
                    int(changed[layer.index].sum()),
                    *(int(one.layers[number].interpretable.sum()) for one in results),
                ]
                for number, layer in enumerate(results[0].layers)
            ],
        ),
        '<p class="note">Columns of conditions: interpretable units.</p>',
    ]
    for number, layer in enumerate(results[0].layers):
        units = changed[layer.index].nonzero().flatten().tolist()
        if units:
            rows = [[unit, *(_shown(one.layers[number], unit, names) for one in results)] for unit in units]
            body += [f"<h2>{escape(layer.name)}</h2>", _table(["unit", *dissections], rows)]
    return _write(folder / "index.html", _page(title, body))


def layer_page(
    dissection: Dissection,
    layer: LayerDissection,
    strongest: StrongestOfLayer,
    images: Mapping[int, Tensor],
    *,
    names: Sequence[str] = (),
    title: str = "Dissection",
) -> str:
    """Return the page of a layer: units by label, and each unit with its strongest images, the largest IoU first.

    Args:
        dissection: result of `dissect`.
        layer: one of its layers.
        strongest: strongest images of the layer's units.
        images: number of an image -> the image, uint8 [C, H, W].
        names: names of the labels.
        title: title of all pages.
    """
    others = [
        escape(each.name) if each is layer else f'<a href="{_file(each)}">{escape(each.name)}</a>'
        for each in dissection.layers
    ]
    interpretable = int(layer.interpretable.sum())
    order = layer.best_iou.argsort(descending=True, stable=True).tolist()
    shown = [unit for unit in order if layer.interpretable[unit]]
    shown += [unit for unit in order if not layer.interpretable[unit]]
    levels = "" if layer.exact_levels else " Levels come from a random sample of the activations."
    body = [
        f"<h1>{escape(title)}: {escape(layer.name)}</h1>",
        f'<p><a href="index.html">overview</a> · {" · ".join(others)}</p>',
        f"<p>{interpretable} of {len(order)} units are interpretable.{levels}</p>",
        _labels_table(layer, dissection, names),
        "<h2>Units</h2>",
        '<p class="note">The images in which a unit is strongest, the strongest first; darkened where the unit is off. '
        "Faded units are not interpretable.</p>",
        '<div class="units">',
        *(_figure(layer, unit, strongest, images, names) for unit in shown),
        "</div>",
    ]
    return _page(f"{title}: {layer.name}", body)


def _figure(
    layer: LayerDissection,
    unit: int,
    strongest: StrongestOfLayer,
    images: Mapping[int, Tensor],
    names: Sequence[str],
) -> str:
    rows = strongest.rows[unit].tolist()
    size = tuple(images[rows[0]].shape[1:])

    picture = strip(torch.stack([images[row] for row in rows]), strongest.on(unit, (size[0], size[1])))
    caption = f"<b>unit {unit}</b>: {escape(_shown(layer, unit, names, always=True))}"
    off = "" if layer.interpretable[unit] else ' class="off"'
    return (
        f'<figure id="unit-{unit}"{off}><figcaption>{caption}</figcaption>'
        f'<img src="{_data("image/png", _png(picture))}" alt="strongest images of unit {unit}"></figure>'
    )


def _shown(layer: LayerDissection, unit: int, names: Sequence[str], *, always: bool = False) -> str:
    """Return label and IoU of a unit; a dash if it is not interpretable, unless `always`."""
    iou = float(layer.best_iou[unit])
    if not (bool(layer.interpretable[unit]) or always):
        return "-"
    name = label_name(int(layer.best_label[unit]), names) if iou > 0 else "no label"
    return f"{name}, IoU {iou:.3f}"


def _labels_table(layer: LayerDissection, dissection: Dissection, names: Sequence[str]) -> str:
    rows = []
    for label in range(dissection.num_labels):
        units = (layer.interpretable & (layer.best_label == label)).nonzero().flatten()
        if len(units):
            best = float(layer.best_iou[units].max())
            rows.append([label_name(label, names), len(units), f"{best:.3f}"])
    rows.sort(key=lambda row: -int(row[1]))
    return _table(["label", "units", "largest IoU"], rows) if rows else ""


def _curve_table(dissection: Dissection) -> str:
    tails = list(dissection.layers[0].curve)
    rows = [
        [
            f'<a href="{_file(layer)}">{escape(layer.name)}</a>',
            len(layer.best_label),
            int(layer.interpretable.sum()),
            *(layer.curve[tail] for tail in tails),
        ]
        for layer in dissection.layers
    ]
    head = ["layer", "units", "interpretable", *(f"tail {tail:g}" for tail in tails)]
    return _table(head, rows, escaped=True)


def _protocol(dissection: Dissection) -> dict[str, Any]:
    return {name.replace("_", " "): value for name, value in protocol_of(dissection).items()}


def _facts(facts: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, escaped: bool = False) -> str:
    """Return a table; cells are escaped, unless those of `rows` already are."""

    def cell(value: Any, kind: str, *, raw: bool) -> str:
        number = ' class="n"' if isinstance(value, int) else ""
        return f"<{kind}{number}>{value if raw else escape(str(value))}</{kind}>"

    lines = ["".join(cell(value, "th", raw=False) for value in head)]
    lines += ["".join(cell(value, "td", raw=escaped) for value in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _page(title: str, body: Sequence[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n"
        "</html>\n"
    )


def _write(path: Path, text: str) -> Path:
    """Write a page; file names that are not valid UTF-8 are written with escapes."""
    path.write_text(text, "utf-8", errors="backslashreplace")
    return path


def _file(layer: LayerDissection) -> str:
    return f"layer-{layer.index}.html"


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
