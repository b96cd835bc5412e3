"""The number of interpretable units against the tail, as a table and as a plot."""

from __future__ import annotations

from pathlib import Path

from everymode.dissection.dissecting import Dissection
from everymode.pictures import new_figure, save_figure

__all__ = ["curve_table", "plot_curves"]


def curve_table(dissection: Dissection) -> str:
    """Return a text table: for each layer its units, how many are interpretable, and how many would be at other tails.

    The number depends on the tail at least as much as on training: compare layers and generators at equal tails.
    """
    tails = list(dissection.layers[0].curve) if dissection.layers else []
    rule = "" if dissection.rule == "iou" else f" ({dissection.rule})"
    rows = [["layer", "units", f"interpretable{rule}", *(f"{tail:g}" for tail in tails)]]
    rows += [
        [
            layer.name,
            str(len(layer.best_label)),
            str(int(layer.interpretable.sum())),
            *(str(layer.curve[tail]) for tail in tails),
        ]
        for layer in dissection.layers
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
    chosen = f"at the tail {dissection.tail:g}" if dissection.rule == "iou" else "with selected levels"
    head = (
        f"units with an IoU above {dissection.threshold:g}, {chosen}, and at other tails; "
        f"{dissection.num:,} images, segmenter {dissection.segmenter} {dissection.segmenter_hash[:12]}"
    )
    return "\n".join([head.rstrip(), *lines])


def plot_curves(dissection: Dissection, path: str | Path) -> Path:
    """Plot the number of interpretable units of each layer against the tail, and mark the tail of the dissection.

    Args:
        dissection: result of `dissect`.
        path: file to write; its suffix determines the format.

    Returns:
        The path.
    """
    figure, (panel,) = new_figure(size=(7.6, 3.4))
    largest = 0
    for layer in dissection.layers:
        tails = sorted(layer.curve)
        counts = [layer.curve[tail] for tail in tails]
        largest = max(largest, *counts, 1)
        panel.plot(
            tails, counts, marker="o", markersize=4, label=f"{layer.name} ({len(layer.best_label)} units)"
        )
    if dissection.rule == "iou":
        panel.axvline(dissection.tail, color="gray", linestyle="--", linewidth=1)
    panel.set_xscale("log")
    ticks = sorted({tail for layer in dissection.layers for tail in layer.curve})
    panel.set_xticks(ticks, labels=[f"{tail:g}" for tail in ticks])
    panel.minorticks_off()
    panel.set_ylim(0, 1.05 * largest)
    panel.set_xlabel("tail: share of a unit's activations above its level")
    panel.set_ylabel(f"units with an IoU above {dissection.threshold:g}")
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    return save_figure(figure, path)
