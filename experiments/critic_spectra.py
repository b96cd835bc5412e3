"""Convolutions of a critic with the grids that they act on, and their norms by each definition (figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

import everymode
from everymode.data.order import random_permutation
from everymode.pictures import new_figure, save_figure
from experiments.harness.unconditional import trained_critic

if TYPE_CHECKING:
    from everymode.norms import Diagnosis

CHANNEL_IMAGES = 256
"""Real images whose features are measured; as many as in figure 20."""


class Convolution(NamedTuple):
    """One layer: its effective weight [out, in, kh, kw], and the grid (H, W) that it acts on."""

    name: str
    weight: Tensor
    grid: tuple[int, int]


class Spectra(NamedTuple):
    """Norms of one layer: exact (circular, stride 1), of the reshaped kernel, and for one-channel signals."""

    name: str
    exact: float
    reshaped: float
    sparse: float


@torch.no_grad()
def convolutions_of(critic: nn.Module, size: tuple[int, int], channels: int) -> list[Convolution]:
    """Return the critic's convolutions in their order, including 1x1 ones, with the weights of eval mode."""
    from everymode.norms import layer_grids

    grids = layer_grids(critic.eval(), torch.zeros(1, channels, *size))
    layers = {name: critic.get_submodule(name) for name in grids}
    return [
        Convolution(name, layer.weight.detach(), grids[name])
        for name, layer in layers.items()
        if isinstance(layer, nn.Conv2d)
    ]


def spectra_of(run: everymode.Run) -> list[Spectra]:
    """Return the norms of the 3x3 convolutions of a run's critic."""
    from everymode.norms import operator_norm, sparsity_aware_sigma

    spectra = []
    for name, weight, grid in convolutions_of(trained_critic(run), run.recipe.size, run.recipe.channels):
        if weight.shape[2] > 1:
            exact = float(operator_norm(weight, grid))
            reshaped = float(torch.linalg.matrix_norm(weight.flatten(1), 2))
            spectra.append(Spectra(name, exact, reshaped, float(sparsity_aware_sigma(weight, grid))))
    return spectra


def channels_of(run: everymode.Run, data: str) -> Diagnosis:
    """Return measurements of the layers of a run's critic, with how sparse their inputs are (figures 5 and 20)."""
    from everymode.norms import diagnose

    recipe = run.recipe
    opened = everymode.open_images(data, resolution=recipe.size, label_column=recipe.label_column or None)
    rows = random_permutation(0, "channels", 0, len(opened))[:CHANNEL_IMAGES]
    labels = opened.gather_labels(rows, torch.device("cpu")) if recipe.num_labels else None
    return diagnose(trained_critic(run), opened.gather(rows), labels, exact=False)


def spectra_table(spectra: Sequence[Spectra]) -> str:
    """Return a Markdown table with one row per layer."""
    lines = [
        "| layer | exact | reshaped kernel | exact / reshaped | one-channel signals |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {each.exact:.3g} | {each.reshaped:.3g} | {each.exact / each.reshaped:.2f} | "
        f"{each.sparse:.3g} |"
        for each in spectra
    ]
    return "\n".join(lines)


def spectra_picture(spectra: Sequence[Spectra], path: Path) -> Path:
    """Plot the norms against the layer."""
    figure, (panel,) = new_figure(size=(6.5, 3.6))
    panel.plot([each.exact for each in spectra], "k.-", label="exact")
    panel.plot([each.reshaped for each in spectra], "r.-", label="reshaped kernel (spectral normalization)")
    panel.plot([each.sparse for each in spectra], "C0.-", label="one-channel signals (SAN)")
    panel.set_xticks(
        range(len(spectra)), [each.name for each in spectra], rotation=45, ha="right", fontsize=6
    )
    panel.set_ylim(bottom=0)
    panel.set_title("norms of a trained critic's layers", fontsize=9)
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=7)
    panel.grid(alpha=0.3)
    return save_figure(figure, path)
