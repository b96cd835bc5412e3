"""What a network's layers do to the signals that reach them: "will sparsity-aware normalization help my critic?".

The norm that Sparsity-Aware Normalization bounds is that of signals with one non-zero channel. It is the fitting one
where most channels of a layer's input are near zero (the paper's Figures 5 and 20), as after ReLUs without residual
connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from everymode.norms.operator import operator_norm
from everymode.norms.sparsity_aware import released_sigma, sparsity_aware_sigma
from everymode.norms.spectrum import bounds
from everymode.norms.weight import Grid, layer_grids
from everymode.pictures import new_figure, save_figure

NEAR_ZERO = 0.1
"""A channel counts as quiet whose norm is below this share of the example's largest channel norm."""


@dataclass(frozen=True)
class LayerDiagnosis:
    """One convolution or linear layer, with its weight in use (after its rule, in evaluation mode)."""

    name: str
    shape: tuple[int, ...]
    grid: Grid
    sparsity_aware: float
    """Largest DFT modulus of a kernel: the paper's sigma. For linear layers the largest entry."""
    released: float | None
    """What the paper's released layer computes on current PyTorch; None for linear layers."""
    reshaped: float
    """Largest singular value of the reshaped kernel: what spectral normalization divides by."""
    operator: float | None
    """Largest singular value of the convolution itself (circular, stride 1); None where it was not asked for."""
    channel_norms: Tensor
    """[B, C] norms of the channels of the layer's input, over that of the example's largest channel."""
    dead: float
    """Share of input channels that are zero in every example."""
    bound_left: float | None
    """Share of kernels whose L1 norm exceeds sigma, so that only a transform excludes them; None for linear layers."""

    @property
    def quiet(self) -> float:
        """Share of (example, channel) whose norm is below NEAR_ZERO of the example's largest."""
        return (self.channel_norms < NEAR_ZERO).float().mean().item()

    @property
    def active(self) -> float:
        """Effective share of channels in use: mean of (sum n^2)^2 / (C sum n^4), 1 where all norms are equal."""
        squares = self.channel_norms.double().square()
        ratios = squares.sum(1).square() / squares.square().sum(1).clamp_min(1e-300)
        return (ratios / squares.shape[1]).mean().item()


@dataclass(frozen=True)
class Diagnosis:
    """The layers of a network in their order. `print` shows the table and the advice."""

    layers: tuple[LayerDiagnosis, ...]

    def table(self) -> str:
        """Markdown: a row a layer."""
        head = ("layer", "weight", "grid", "SAN sigma", "released", "reshaped", "operator")
        head += ("operator / SAN", "quiet", "active", "dead", "bound left")
        lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for layer in self.layers:
            over = None if layer.operator is None else layer.operator / max(layer.sparsity_aware, 1e-300)
            numbers = (layer.sparsity_aware, layer.released, layer.reshaped, layer.operator, over)
            shares = (layer.quiet, layer.active, layer.dead, layer.bound_left)
            cells = [
                layer.name or "(itself)",
                "x".join(map(str, layer.shape)),
                "x".join(map(str, layer.grid)),
            ]
            cells += ["-" if number is None else f"{number:.3g}" for number in numbers]
            cells += ["-" if share is None else f"{share:.0%}" for share in shares]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def advice(self) -> str:
        """One paragraph: whether the features are channel-sparse, where they are not, and where layers are narrow.

        The paper gives no threshold. Here a layer counts as sparse where its inputs' effective share of channels
        in use is below a half; the first convolution, which sees the image, does not count. The choice is ours:
        docs/norms.md says which trained critics it was held against.
        """
        inner = [layer for layer in self.layers if len(layer.shape) == 4][1:]
        if not inner:
            return "There is no convolution behind the first one: sparsity-aware normalization has nothing to act on."
        dense = [layer for layer in inner if layer.active >= 0.5]
        narrow = [layer for layer in inner if layer.reshaped < layer.sparsity_aware]
        sparse = len(inner) - len(dense)
        said = [f"{sparse} of {len(inner)} inner convolutions see channel-sparse features"]
        if not dense:
            said.append(": sparsity-aware normalization fits this network.")
        elif 2 * sparse >= len(inner):
            said.append(
                f"; {_names(dense)} do not. Sparsity-aware normalization may help; give those layers a larger gain."
            )
        else:
            said.append(
                f"; {_names(dense)} do not. Expect little from sparsity-aware normalization here (the paper found "
                "none in large residual critics); compare it with spectral_norm."
            )
        if narrow:
            said.append(
                f" {_names(narrow)}: so few channels that it divides by more than spectral_norm would; try a gain "
                "below 1, or a wider critic."
            )
        return "".join(said)

    def __str__(self) -> str:
        return f"{self.table()}\n\n{self.advice()}"

    def plot(self, path: str | Path) -> Path:
        """Saves histograms of the channel norms of each layer's input (as the paper's Figures 5 and 20)."""
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
    """Measures every convolution and linear layer: sigma by each definition, and how sparse its inputs are.

    One forward in evaluation mode, without gradient, under a weight rule or without one; nothing changes. Weights
    are taken as they are used.

    Args:
        network: a critic, or any network.
        example: what its forward takes: a batch of real examples, some hundreds for smooth histograms.
        exact: compute operator norms too, which takes seconds for large layers.
        include: (qualified name, layer) -> bool, which layers to look at; all that are reached where None.
    Raises:
        ValueError: no layer was found, or a convolution is not reached by the forward.
    """
    modes = {module: module.training for module in network.modules()}
    inputs: dict[str, Tensor] = {}

    def recorder(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def record(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            # A layer that activates its own input says so: everymode.networks.circular.CircularConv2d.
            acted_on = layer.acts_on(arguments[0]) if hasattr(layer, "acts_on") else arguments[0]
            inputs[name] = _channel_norms(acted_on)

        return record

    grids = layer_grids(network, *example, include=include)
    layers = {
        name: layer for name in grids if not isinstance(layer := network.get_submodule(name), nn.Embedding)
    }
    handles = [layer.register_forward_pre_hook(recorder(name)) for name, layer in layers.items()]
    try:
        network.eval()
        network(*example)
        found = [
            _look_at(name, layer, grids[name], inputs[name], exact=exact)
            for name, layer in layers.items()
            if name in inputs
        ]
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return Diagnosis(tuple(found))


def _look_at(name: str, layer: nn.Module, grid: Grid, norms: Tensor, *, exact: bool) -> LayerDiagnosis:
    weight = layer.weight.detach().float() if layer.weight.element_size() == 2 else layer.weight.detach()
    matrix = (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)
    reshaped = torch.linalg.matrix_norm(matrix.double(), 2).item()
    largest = norms.amax(1, keepdim=True)
    relative = norms / largest.clamp_min(torch.finfo(norms.dtype).tiny)
    dead = (norms.amax(0) == 0).double().mean().item()
    shape = tuple(weight.shape)
    if weight.dim() != 4:
        top = weight.abs().amax().item()
        return LayerDiagnosis(name, shape, grid, top, None, reshaped, reshaped, relative, dead, None)
    if isinstance(layer, nn.ConvTranspose2d):
        grid = grid[0] * layer.stride[0], grid[1] * layer.stride[1]
    dilation = tuple(layer.dilation)
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
    return ", ".join(layer.name for layer in layers)


def _channel_norms(x: Tensor) -> Tensor:
    """[B, C] norms over positions of [B, C, H, W]; of [B, F] the absolute values."""
    x = x.detach().float() if x.element_size() == 2 else x.detach()
    return x.abs() if x.dim() == 2 else torch.linalg.vector_norm(x.flatten(2), dim=2)
