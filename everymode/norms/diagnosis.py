"""Measurements of a network's layers and of their input signals: "will sparsity-aware normalization help my critic?".

Sparsity-Aware Normalization bounds the norm of a layer on signals with one non-zero channel. This is the appropriate
norm if most channels of a layer's input are near zero (the paper's Figures 5 and 20), as after ReLUs without residual
connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.cancelled import record_cancelled
from everymode.norms.normalizable import dilation_of, output_stride
from everymode.norms.operator import operator_norm
from everymode.norms.sparsity_aware import released_sigma, sparsity_aware_sigma
from everymode.norms.spectrum import bounds
from everymode.norms.weight import Grid, layer_grids
from everymode.pictures import new_figure, save_figure

NEAR_ZERO = 0.1
"""A channel is quiet if its norm is below this share of the example's largest channel norm."""

_Layer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class LayerDiagnosis:
    """Measurements of one convolution or linear layer, of its weight in eval mode (after its weight rule)."""

    name: str
    """Qualified name; "" for the network itself."""
    shape: tuple[int, ...]
    """Shape of the weight."""
    grid: Grid
    """(H, W) of the layer's input; for transposed convolutions, of what they write to."""
    sparsity_aware: float
    """Largest DFT modulus of a kernel, the paper's sigma; for linear layers the largest entry."""
    released: float | None
    """Sigma of the paper's released layer on current PyTorch; None for linear layers."""
    reshaped: float
    """Largest singular value of the reshaped kernel, the divisor of spectral normalization."""
    operator: float | None
    """Largest singular value of the convolution itself (circular, stride 1); None if not computed (`exact=False`)."""
    channel_norms: Tensor
    """[B, C], norms of the channels of the layer's input, relative to the example's largest."""
    dead: float
    """Share of input channels that are zero in every example."""
    bound_left: float | None
    """Share of kernels whose L1 norm exceeds sigma, which only a transform can exclude; None for linear layers."""
    has_rule: bool = False
    """Whether a weight rule applies to the layer."""
    cancelled: bool = False
    """Whether an instance normalization follows directly, which cancels every scale of this layer's weight."""

    @property
    def quiet(self) -> float:
        """Share of (example, channel) pairs whose norm is below NEAR_ZERO times the example's largest."""
        return (self.channel_norms < NEAR_ZERO).float().mean().item()

    @property
    def active(self) -> float:
        """Effective share of active channels: mean of (sum n^2)^2 / (C sum n^4), 1 if all norms n are equal."""
        squares = self.channel_norms.double().square()
        ratios = squares.sum(1).square() / squares.square().sum(1).clamp_min(1e-300)
        return (ratios / squares.shape[1]).mean().item()


@dataclass(frozen=True)
class Diagnosis:
    """Measurements of a network's layers, in their order; `print` shows the table and the advice."""

    layers: tuple[LayerDiagnosis, ...]

    def table(self) -> str:
        """Return a table in Markdown, one row per layer."""
        head = ("layer", "weight", "grid", "SAN sigma", "released", "reshaped", "operator")
        head += ("operator / SAN", "quiet", "active", "dead", "bound left")
        lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for layer in self.layers:
            ratio = None if layer.operator is None else layer.operator / max(layer.sparsity_aware, 1e-300)
            norms = (layer.sparsity_aware, layer.released, layer.reshaped, layer.operator, ratio)
            shares = (layer.quiet, layer.active, layer.dead, layer.bound_left)
            cells = [
                layer.name or "(itself)",
                "x".join(map(str, layer.shape)),
                "x".join(map(str, layer.grid)),
            ]
            cells += ["-" if norm is None else f"{norm:.3g}" for norm in norms]
            cells += ["-" if share is None else f"{share:.0%}" for share in shares]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def advice(self) -> str:
        """Return one paragraph: whether the features are channel-sparse, in which layers not, and which are narrow.

        It also names the layers on which a weight rule has no effect, because instance normalization follows them.

        A layer counts as sparse if the effective share of active channels of its inputs is below one half. The first
        convolution, which processes the image, does not count. The paper gives no threshold; docs/norms.md states the
        trained critics on which this one was checked.
        """
        inner = [layer for layer in self.layers if len(layer.shape) == 4][1:]
        if not inner:
            text = "There is no convolution after the first one, so sparsity-aware normalization has no effect here."
            return text + self._cancelled()
        dense = [layer for layer in inner if layer.active >= 0.5]
        narrow = [layer for layer in inner if layer.reshaped < layer.sparsity_aware]
        sparse = len(inner) - len(dense)
        texts = [f"{sparse} of {len(inner)} inner convolutions see channel-sparse features"]
        if not dense:
            texts.append(": sparsity-aware normalization fits this network.")
        elif 2 * sparse >= len(inner):
            texts.append(
                f"; {_names(dense)} do not. Sparsity-aware normalization may help; give those layers a larger gain."
            )
        else:
            texts.append(
                f"; {_names(dense)} do not. Expect little from sparsity-aware normalization here (the paper reports no "
                "gain in large residual critics); compare it with spectral_norm."
            )
        if narrow:
            texts.append(
                f" {_names(narrow)}: too few channels, so that sparsity-aware normalization divides by more than "
                "spectral_norm; try a gain below 1, or a wider critic."
            )
        return "".join(texts) + self._cancelled()

    def _cancelled(self) -> str:
        """Return the sentences on layers that instance normalization follows, or nothing."""
        ruled = [layer for layer in self.layers if layer.cancelled and layer.has_rule]
        free = [layer for layer in self.layers if layer.cancelled and not layer.has_rule]
        text = ""
        if ruled:
            text = (
                f" {_names(ruled)}: instance normalization follows directly and cancels every scale of the weights, so "
                "the weight rule has no effect on these layers; build the network without instance normalization, or "
                "exclude them with `include`."
            )
        if free:
            text += (
                f" {_names(free)}: instance normalization follows directly, so a weight rule would have no effect on "
                "these layers."
            )
        return text

    def __str__(self) -> str:
        return f"{self.table()}\n\n{self.advice()}"

    def plot(self, path: str | Path) -> Path:
        """Save histograms of the channel norms of each layer's input, as in the paper's Figures 5 and 20.

        Args:
            path: file to write; its suffix determines the format.
        Returns:
            The path.
        """
        columns = min(4, len(self.layers))
        rows = -(-len(self.layers) // columns)
        figure, panels = new_figure(rows, columns, size=(3.2 * columns, 2.4 * rows))
        for panel, layer in zip(panels, self.layers, strict=False):
            norms = layer.channel_norms.flatten().double().cpu().numpy()
            panel.hist(norms, bins=50, range=(0, 1), weights=[1 / len(norms)] * len(norms))
            panel.set_title(f"{layer.name or '(itself)'}: {layer.active:.0%} active", fontsize=8)
            panel.set_xlabel("channel norm / the example's largest", fontsize=7)
            panel.tick_params(labelsize=6)
        for panel in panels[len(self.layers) :]:
            panel.set_axis_off()
        return save_figure(figure, path)


@torch.no_grad()
def diagnose(
    network: nn.Module,
    *example: object,
    exact: bool = True,
    include: Callable[[str, nn.Module], bool] | None = None,
) -> Diagnosis:
    """Measure every convolution and linear layer: sigma by each definition, and how sparse its inputs are.

    This takes one forward in eval mode, without gradient, with or without weight rules; nothing changes. Weights are
    measured after their rules.

    Args:
        network: a critic, or any other network.
        example: arguments of the network's forward: a batch of real examples, some hundreds for smooth histograms.
        exact: compute operator norms too, which takes seconds for large layers.
        include: (qualified name, layer) -> bool, which layers to measure; default: all that the forward reaches.
    Raises:
        ValueError: if there is no layer, or the forward does not reach a convolution.
    """
    modes = {module: module.training for module in network.modules()}
    inputs: dict[str, Tensor] = {}

    def recorder(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def record(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            # A layer that activates its input has a method for that: everymode.networks.circular.CircularConv2d.
            acts_on: Callable[[Tensor], Tensor] | None = getattr(layer, "acts_on", None)
            inputs[name] = _channel_norms(arguments[0] if acts_on is None else acts_on(arguments[0]))

        return record

    grids = layer_grids(network, *example, include=include)
    layers = {name: layer for name in grids if isinstance(layer := network.get_submodule(name), _Layer)}
    handles = [layer.register_forward_pre_hook(recorder(name)) for name, layer in layers.items()]
    try:
        network.eval()
        with record_cancelled(network, layers) as cancelled:
            network(*example)
        measured = [
            replace(
                _measured(name, layer, grids[name], inputs[name], exact=exact),
                has_rule=parametrize.is_parametrized(layer, "weight"),
                cancelled=name in cancelled,
            )
            for name, layer in layers.items()
            if name in inputs
        ]
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return Diagnosis(tuple(measured))


def _measured(name: str, layer: _Layer, grid: Grid, norms: Tensor, *, exact: bool) -> LayerDiagnosis:
    weight = layer.weight.detach().float() if layer.weight.element_size() == 2 else layer.weight.detach()
    matrix = (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)
    reshaped = torch.linalg.matrix_norm(matrix.double(), 2).item()
    largest = norms.amax(1, keepdim=True)
    relative = norms / largest.clamp_min(torch.finfo(norms.dtype).tiny)
    dead = (norms.amax(0) == 0).double().mean().item()
    shape = tuple(weight.shape)
    if isinstance(layer, nn.Linear):
        top = weight.abs().amax().item()
        return LayerDiagnosis(name, shape, grid, top, None, reshaped, reshaped, relative, dead, None)
    stride = output_stride(layer)
    grid = grid[0] * stride[0], grid[1] * stride[1]
    dilation = dilation_of(layer)
    sigma = sparsity_aware_sigma(weight, grid, dilation=dilation)
    left = (bounds(weight) > sigma).double().mean().item()
    operator = operator_norm(weight, grid, dilation=dilation, groups=layer.groups).item() if exact else None
    return LayerDiagnosis(
        name,
        shape,
        grid,
        sigma.item(),
        released_sigma(weight, grid).item(),
        reshaped,
        operator,
        relative,
        dead,
        left,
    )


def _names(layers: Sequence[LayerDiagnosis]) -> str:
    return ", ".join(f'"{layer.name}"' if layer.name else "the network itself" for layer in layers)


def _channel_norms(x: Tensor) -> Tensor:
    """Return norms [B, C] over the positions of [B, C, H, W], or the absolute values of [B, F]."""
    x = x.detach().float() if x.element_size() == 2 else x.detach()
    return x.abs() if x.dim() == 2 else torch.linalg.vector_norm(x.flatten(2), dim=2)
