"""Constraints that overwrite the weights after an optimizer step: weight clipping, and in-place normalization
(Algorithm 1 of Sparsity-Aware Normalization).

A constraint is called with the network. Weights change in place, and the optimizer's moments do not change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.normalizable import (
    Convolution,
    Normalizable,
    dilation_of,
    normalizable_layer,
    output_stride,
)
from everymode.norms.sparsity_aware import sparsity_aware_sigma
from everymode.norms.spectral import power_iteration
from everymode.norms.subsets import compensation, random_subset, subset_size
from everymode.norms.weight import Grid, layer_grids
from everymode.precision import full_precision

Constraint = Callable[[nn.Module], None]
"""network -> None; it changes the network's weights in place."""


class WeightClipping:
    """Clips every parameter of the network to [-bound, bound] (Arjovsky et al. 2017, who used 0.01).

    Args:
        bound: above 0.
    Raises:
        ValueError: if the bound is not positive.
    """

    def __init__(self, bound: float = 0.01) -> None:
        if not bound > 0:
            raise ValueError(f"the bound is {bound}; it must be above 0, to clip weights to [-bound, bound]")
        self.bound = bound

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> None:
        weights: list[Tensor] = list(network.parameters())
        torch._foreach_clamp_min_(weights, -self.bound)  # pyright: ignore[reportPrivateImportUsage]  no public name
        torch._foreach_clamp_max_(weights, self.bound)  # pyright: ignore[reportPrivateImportUsage]  no public name

    def __repr__(self) -> str:
        return f"WeightClipping(bound={self.bound})"


class InPlaceSparsityAware(nn.Module):
    """PAPER: Algorithm 1 of Sparsity-Aware Normalization: W <- W / (gain * sigma), in place, at every n-th call.

    It is called after each optimizer step, and acts on the first call and on every `interval`-th call after that.
    Linear layers and embeddings are divided by an estimate of their largest singular value, with one power iteration
    per call that acts. It stores names of the network's layers, not references. Its buffers (the number of calls, a
    seed and the singular vectors) are its complete state for resuming a run.

    Args:
        network: as in `normalize_weights`; the constructor does not change it.
        example: as in `normalize_weights`.
        gain: as in `sparsity_aware_norm`.
        fraction: as in `sparsity_aware_norm`.
        interval: act on every n-th call, at least 1; in the paper, 1,000 still helps.
        include: as in `normalize_weights`.
        epsilon: as in `sparsity_aware_norm`.
    Raises:
        ValueError: if `fraction` or `interval` is out of range, a layer is normalized already, there is no layer, or
            the dry forward does not reach a convolution.
    """

    calls: Tensor
    """int64 scalar, number of calls."""
    seed: Tensor
    """int64 scalar, from which random subsets of kernels are drawn."""

    def __init__(
        self,
        network: nn.Module,
        *example: object,
        gain: float | Callable[[nn.Module], float] = 1.0,
        fraction: float = 1.0,
        interval: int = 1,
        include: Callable[[str, nn.Module], bool] | None = None,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__()
        subset_size(1, fraction)
        if interval < 1:
            raise ValueError(
                f"the interval is {interval}; it must be at least 1, to normalize at every n-th call"
            )
        self.fraction, self.interval, self.epsilon = fraction, interval, epsilon
        self.grids = layer_grids(network, *example, include=include)
        layers = {name: normalizable_layer(network, name) for name in self.grids}
        for name, layer in layers.items():
            if parametrize.is_parametrized(layer, "weight"):
                raise ValueError(
                    f"layer {name!r} is under a weight rule already, which would undo the division; use either the "
                    "rule or InPlaceSparsityAware, or exclude the layer with `include`"
                )
        self.gains = {name: float(gain(layer) if callable(gain) else gain) for name, layer in layers.items()}
        device = next(iter(layers.values())).weight.device
        self.register_buffer("calls", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("seed", torch.randint(2**62, ()).to(device))
        self._calls: int | None = None
        self._seed = 0
        for name, layer in layers.items():
            if layer.weight.dim() == 2:
                start = F.normalize(torch.randn(1, 1, layer.weight.shape[0]), dim=2).to(layer.weight)
                self.register_buffer(_key(name), start)

    @torch.no_grad()
    def forward(self, network: nn.Module) -> None:
        """Count a call, and normalize the network in place if the call is an `interval`-th one."""
        calls = self._calls
        if calls is None:
            # The host waits for the device here, once after construction or loading.
            calls, self._seed = int(self.calls), int(self.seed)
        if calls % self.interval == 0:
            for name, grid in self.grids.items():
                layer = normalizable_layer(network, name)
                weight = layer.weight
                with full_precision(weight):
                    sigma = self._sigma(name, weight, layer, grid, seed=self._seed + calls)
                    weight.div_((self.gains[name] * sigma).clamp_min(self.epsilon))
        self._calls = calls + 1
        self.calls.fill_(self._calls)

    def _sigma(self, name: str, weight: Tensor, layer: Normalizable, grid: Grid, *, seed: int) -> Tensor:
        if not isinstance(layer, Convolution):
            vector = self.get_buffer(_key(name))
            left, _, sigma = power_iteration(weight[None], vector, iterations=1, epsilon=self.epsilon)
            vector.copy_(left)
            return sigma.view(())
        stride = output_stride(layer)
        grid = grid[0] * stride[0], grid[1] * stride[1]
        total = weight.shape[0] * weight.shape[1]
        pairs = None
        if self.fraction < 1:
            rows = random_subset(seed, total, self.fraction).to(weight.device)
            first = rows.div(weight.shape[1], rounding_mode="floor")
            pairs = torch.stack((first, rows - first * weight.shape[1]), 1)
        sigma = sparsity_aware_sigma(weight, grid, pairs=pairs, dilation=dilation_of(layer))
        return compensation(total, self.fraction) * sigma

    def _load_from_state_dict(self, *arguments: object, **keywords: object) -> None:
        super()._load_from_state_dict(*arguments, **keywords)
        self._calls = None


def _key(layer_name: str) -> str:
    """Return the name of a layer's buffer, in which no dot is allowed."""
    return f"vector_{layer_name.replace('.', '/')}"
