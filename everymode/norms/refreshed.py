"""Weight rules that measure a layer's sigma once per change of its weights, and divide by it in every forward.

Spectral normalization updates its estimate in every forward, as released code does. Here a measurement belongs to a
weight: all forwards between two optimizer steps (on reals, fakes and for penalties) use the same sigma.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from everymode.norms.normalizable import Normalizable, not_compiled, output_stride
from everymode.norms.weight import Grid, Groupable
from everymode.precision import full_precision

_WATCHED = "_everymode_watched"
"""Attribute of the parameters whose version counter is increased after each optimizer step."""
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class RefreshedNorm(Groupable):
    """A parametrization weight -> weight / (gain * sigma), whose sigma is measured when the weights have changed.

    A subclass implements `measure`, and calls `start` at the end of its constructor. In training mode, the first
    evaluation after a change of the weights counts that change; every `interval`-th change leads to a measurement. Eval
    mode divides by the stored sigma and changes nothing.

    The count is stored, with a checksum of the weights, so a loaded or copied layer continues exactly. The host reads
    the checksum once after loading, copying or moving the layer. Otherwise the weight's version counter shows changes,
    made by in-place operations or by any torch.optim.Optimizer. (Writes through `.data` are not detected.)

    Args:
        layer: the layer to normalize; its weight determines precision and device.
        grid: (H, W) of the layer's input; a transposed convolution acts on it times its stride.
        gain: factor of the divisor, above 0.
        interval: as in `sparsity_aware_norm`.
        momentum: as in `sparsity_aware_norm`.
        epsilon: lower bound of the divisor.
    Raises:
        ValueError: if a hyper-parameter is out of range.
    """

    differentiate: bool = False
    """Whether the gradient flows through sigma, by `sigma_of`."""
    sigma: Tensor
    """Scalar, the last measurement."""
    changes: Tensor
    """int64 scalar, number of changes of the weight that were counted."""
    checksum: Tensor
    """int64 scalar, checksum of the weight at the last count."""
    grid: Tensor
    """int64 [2], (height, width) that sigma belongs to."""

    def __init__(
        self,
        layer: Normalizable,
        grid: Grid,
        *,
        gain: float = 1.0,
        interval: int = 1,
        momentum: float = 0.0,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__()
        if not gain > 0:
            raise ValueError(f"the gain is {gain}; it must be above 0")
        if interval < 1:
            raise ValueError(
                f"the interval is {interval}; it must be at least 1, to measure at every n-th change"
            )
        if not 0 <= momentum < 1:
            raise ValueError(f"the momentum is {momentum}; it must be at least 0 and below 1")
        self.gain, self.interval, self.momentum, self.epsilon = float(gain), interval, momentum, epsilon
        self.stride = output_stride(layer)
        self._seen: tuple[int, int] | None = None
        self._is_read = False
        self._changes = 0
        self._grid = self._acts_on(grid)
        weight = layer.weight
        precision = torch.float32 if weight.dtype in (torch.float16, torch.bfloat16) else weight.dtype
        self.register_buffer("sigma", torch.ones((), dtype=precision, device=weight.device))
        self.register_buffer("changes", torch.zeros((), dtype=torch.long, device=weight.device))
        self.register_buffer("checksum", torch.zeros((), dtype=torch.long, device=weight.device))
        self.register_buffer("grid", torch.tensor(self._grid, device=weight.device))

    # ---- for subclasses

    def measure(self, weight: Tensor) -> Tensor:
        """Return the layer's sigma, a scalar without gradient; it may update the subclass's buffers."""
        raise NotImplementedError(f"{type(self).__name__} does not implement measure(weight)")

    def sigma_of(self, weight: Tensor) -> Tensor:
        """Return a differentiable function of the weight that has sigma's gradient; required if `differentiate`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not implement sigma_of(weight), its differentiable sigma"
        )

    def read_buffers(self) -> None:
        """Read the values that the host needs from the buffers; the host waits for the device."""
        self._is_read = True
        self._changes = int(self.changes)
        height, width = self.grid.tolist()
        self._grid = (height, width)

    def start(self, weight: Tensor) -> None:
        """Take the first measurement, of the current weight. A weight without values ("meta") keeps sigma 1."""
        if weight.is_meta:
            return
        with torch.no_grad(), full_precision(weight):
            self.sigma.copy_(self.measure(weight.detach()))
            self.checksum.copy_(checksum(weight))

    # ---- called by torch and normalize_weights

    def group_key(self, weight: Tensor) -> Hashable:
        return "refreshed"

    def normalize_together(self, members: Sequence[Groupable], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the members' normalized weights; first measure each that is in training mode and has changed."""
        group = cast(Sequence[RefreshedNorm], members)  # all have the class of `self`
        if any(member.training for member in group):
            _refresh(group, weights)
        return [member.normalized(weight) for member, weight in zip(group, weights, strict=True)]

    def normalized(self, weight: Tensor) -> Tensor:
        """Return weight / (gain * sigma), with the stored sigma."""
        sigma = self.sigma
        if self.differentiate and not weight.is_meta:
            with full_precision(weight):
                slope = self.sigma_of(weight)
            # The stored value with the gradient of `sigma_of`. If the last measurement is some steps old, the value at
            # the kernel (or singular vectors) it selected may be small by now: dividing by it would blow up the weight.
            sigma = sigma + (slope - slope.detach())
        # A tensor of this forward: the buffer may be overwritten before the gradient is computed.
        return weight / (self.gain * sigma).clamp_min(self.epsilon).to(weight.dtype)

    def follow_grid(self, grid: Grid, weight: Tensor) -> None:
        """Measure sigma for the grid that the layer is applied to, if it is another one; in training mode only."""
        if not self.training:
            return
        # `_seen` is not read here: compiled code would be recompiled whenever it changes.
        if self._is_read and self._acts_on(grid) == self._grid:
            return
        _change_grid(self, self._acts_on(grid), weight)
        if self.prepared is not None:
            self.prepared = self.normalized(weight)

    @torch.no_grad()
    def refresh(self, weight: Tensor) -> None:
        """Count a change of the weight since the last call, and measure sigma at every `interval`-th change."""
        if weight.is_meta:
            return
        pointer, version = weight.data_ptr(), weight._version
        if self._seen == (pointer, version):
            return
        with full_precision(weight):
            total = checksum(weight)
            same_storage = self._seen is not None and self._seen[0] == pointer
            self._seen = (pointer, version)
            if not same_storage:
                setattr(weight, _WATCHED, True)
                self.read_buffers()
                if bool(total == self.checksum):
                    return
            self._changes += 1
            self.changes.fill_(self._changes)
            self.checksum.copy_(total)
            if self._changes % self.interval == 0:
                measured = self.measure(weight).to(self.sigma)
                # Without momentum a copy, so that one non-finite measurement does not persist.
                self.sigma.lerp_(measured, 1 - self.momentum) if self.momentum else self.sigma.copy_(measured)

    def extra_repr(self) -> str:
        return f"grid={self._grid}, gain={self.gain}, interval={self.interval}, momentum={self.momentum}"

    def _acts_on(self, grid: Grid) -> Grid:
        return grid[0] * self.stride[0], grid[1] * self.stride[1]

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *arguments: object, **keywords: object
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *arguments, **keywords)
        self._seen, self._is_read = None, False


def checksum(weight: Tensor) -> Tensor:
    """Return an int64 scalar, the sum of the weight's bits as integers, which is exact in any order of summation."""
    return weight.detach().view(_BITS[weight.element_size()]).sum(dtype=torch.long)


def _count_step(optimizer: torch.optim.Optimizer, arguments: object, keywords: object) -> None:
    """Increase the version of normalized weights, because fused optimizers change them without doing so."""
    watched = [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if hasattr(parameter, _WATCHED)
    ]
    if watched:
        torch.autograd.graph.increment_version(watched)


# At import, not in the constructor: a layer that is copied from another process runs no constructor.
register_optimizer_step_post_hook(_count_step)


@not_compiled
def _refresh(members: Sequence[RefreshedNorm], weights: Sequence[Tensor]) -> None:
    for member, weight in zip(members, weights, strict=True):
        if member.training:
            member.refresh(weight)


@not_compiled
def _change_grid(member: RefreshedNorm, grid: Grid, weight: Tensor) -> None:
    if weight.is_meta:
        return
    if not member._is_read:
        member.read_buffers()
    if member._grid == grid:
        return
    with torch.no_grad(), full_precision(weight):
        member._grid = grid
        member.grid.copy_(torch.tensor(grid))
        member.sigma.copy_(member.measure(weight.detach()))
