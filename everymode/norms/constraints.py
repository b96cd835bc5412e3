"""Constraints that overwrite the weights after an optimizer step: weight clipping, and the paper's own Algorithm 1.

A constraint is called with the network. Weights change in place, so an optimizer's moments stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.sparsity_aware import sparsity_aware_sigma
from everymode.norms.spectral import power_iteration
from everymode.norms.subsets import compensation, random_subset, subset_size
from everymode.norms.weight import Grid, layer_grids
from everymode.precision import full_precision

Constraint = Callable[[nn.Module], None]
"""Changes a network's weights in place."""


class WeightClipping:
    """Clips every parameter of the network to [-bound, bound] (Arjovsky et al. 2017, who took 0.01).

    Raises ValueError if the bound is not positive.
    """

    def __init__(self, bound: float = 0.01) -> None:
        if not bound > 0:
            raise ValueError(
                f"the bound is {bound}; weights are clipped to [-bound, bound] with bound above 0"
            )
        self.bound = bound

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> None:
        parameters = list(network.parameters())
        torch._foreach_clamp_min_(parameters, -self.bound)
        torch._foreach_clamp_max_(parameters, self.bound)

    def __repr__(self) -> str:
        return f"WeightClipping(bound={self.bound})"


class InPlaceSparsityAware(nn.Module):
    """PAPER: Algorithm 1 of Sparsity-Aware Normalization: W <- W / (gain * sigma), in place, every n-th call.

    Called after each optimizer step, it acts on the first call and on every `interval`-th one from there. Linear
    layers and embeddings are divided by an estimate of their largest singular value, with one power iteration a
    time. It keeps names, not references, of the network's layers. Its buffers (the number of calls, a seed and
    the singular vectors) are all that a resumed run needs.

    Args:
        network, example, include: as in `normalize_weights`. The network is looked at, not changed.
        gain, fraction, epsilon: as in `sparsity_aware_norm`.
        interval: the paper shows that 1,000 still helps.
    Raises:
        ValueError: a number is out of range, a layer is normalized already, or as `normalize_weights`.
    """

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
            raise ValueError(f"the interval is {interval}; normalize every n-th time, with n at least 1")
        self.fraction, self.interval, self.epsilon = fraction, interval, epsilon
        self.grids = layer_grids(network, *example, include=include)
        layers = {name: network.get_submodule(name) for name in self.grids}
        for name, layer in layers.items():
            if parametrize.is_parametrized(layer, "weight"):
                raise ValueError(
                    f"layer {name!r} is under a weight rule already, which would undo the division; take one of "
                    "the two"
                )
        self.gains = {name: float(gain(layer) if callable(gain) else gain) for name, layer in layers.items()}
        device = next(iter(layers.values())).weight.device
        self.register_buffer("calls", torch.zeros((), dtype=torch.long, device=device))
        self.register_buffer("seed", torch.randint(2**62, ()).to(device))
        self._calls: int | None = None
        for name, layer in layers.items():
            if layer.weight.dim() == 2:
                start = F.normalize(torch.randn(1, 1, layer.weight.shape[0]), dim=2).to(layer.weight)
                self.register_buffer(_key(name), start)

    @torch.no_grad()
    def forward(self, network: nn.Module) -> None:
        """Count a call, and normalize the network in place if it is its turn."""
        if self._calls is None:
            # The host waits for the device here, once after construction or loading.
            self._calls, self._seed = int(self.calls), int(self.seed)
        due = self._calls % self.interval == 0
        if due:
            for name, grid in self.grids.items():
                weight = network.get_submodule(name).weight
                with full_precision(weight):
                    sigma = self._sigma(name, weight, network.get_submodule(name), grid)
                    weight.div_((self.gains[name] * sigma).clamp_min(self.epsilon))
        self._calls += 1
        self.calls.fill_(self._calls)

    def _sigma(self, name: str, weight: Tensor, layer: nn.Module, grid: Grid) -> Tensor:
        if weight.dim() == 2:
            vector = getattr(self, _key(name))
            left, _, sigma = power_iteration(weight[None], vector, iterations=1, epsilon=self.epsilon)
            vector.copy_(left)
            return sigma.view(())
        if isinstance(layer, nn.ConvTranspose2d):
            grid = grid[0] * layer.stride[0], grid[1] * layer.stride[1]
        total = weight.shape[0] * weight.shape[1]
        pairs = None
        if self.fraction < 1:
            rows = random_subset(self._seed + self._calls, total, self.fraction).to(weight.device)
            first = rows.div(weight.shape[1], rounding_mode="floor")
            pairs = torch.stack((first, rows - first * weight.shape[1]), 1)
        sigma = sparsity_aware_sigma(weight, grid, pairs=pairs, dilation=tuple(layer.dilation))
        return compensation(total, self.fraction) * sigma

    def _load_from_state_dict(self, *arguments: object, **keywords: object) -> None:
        super()._load_from_state_dict(*arguments, **keywords)
        self._calls = None


def _key(layer_name: str) -> str:
    """A buffer's name may not hold a dot."""
    return f"vector_{layer_name.replace('.', '/')}"
