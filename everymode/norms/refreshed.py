"""Weight rules that measure a layer's sigma once per change of its weights, and divide by it in every pass.

Spectral normalization moves its estimate on in every forward, as released code does. Here a measurement belongs
to a weight: passes over reals, fakes and penalties between two optimizer steps all see the same sigma.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from everymode.norms.weight import Grid, Groupable
from everymode.precision import full_precision

_WATCHED = "_everymode_watched"
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class RefreshedNorm(Groupable):
    """A parametrization weight -> weight / (gain * sigma), whose sigma is measured when the weights have changed.

    A subclass implements `measure`, and calls `start` at the end of its constructor. In training mode the first
    evaluation after a change of the weights counts that change, and every `interval`-th one is measured.
    Evaluation mode divides by the stored sigma and changes nothing.

    What has been counted is stored (a checksum of the weights included), so a resumed or copied layer goes on as
    if nothing had happened. The checksum is read by the host once after loading, copying or moving, and never
    in between: there the weight's version counter tells of changes, by in-place operations and by any
    torch.optim.Optimizer. (It does not see writes through `.data`.)

    Args:
        layer: what is normalized; its weight gives precision and device.
        grid: (H, W) of the layer's input; a transposed convolution acts on it times its stride.
        gain: divides as well. interval, momentum: see `sparsity_aware_norm`. epsilon: lower bound of the divisor.
    Raises:
        ValueError: a number is out of range.
    """

    differentiate = False
    """Whether the gradient flows through sigma, by `sigma_of`."""

    def __init__(
        self,
        layer: nn.Module,
        grid: Grid,
        *,
        gain: float = 1.0,
        interval: int = 1,
        momentum: float = 0.0,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__()
        if not gain > 0:
            raise ValueError(f"the gain is {gain}; a layer can only be divided by a positive one")
        if interval < 1:
            raise ValueError(f"the interval is {interval}; measure every n-th change, with n at least 1")
        if not 0 <= momentum < 1:
            raise ValueError(f"the momentum is {momentum}; it must be at least 0 and below 1")
        self.gain, self.interval, self.momentum, self.epsilon = float(gain), interval, momentum, epsilon
        self.stride = tuple(layer.stride) if isinstance(layer, nn.ConvTranspose2d) else (1, 1)
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
        """The layer's sigma, a scalar, without gradient. It may move the subclass's buffers on."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to measure a weight")

    def sigma_of(self, weight: Tensor) -> Tensor:
        """A differentiable function of the weight whose gradient is sigma's, where `differentiate` is set."""
        raise NotImplementedError(f"{type(self).__name__} has no differentiable sigma")

    def read_buffers(self) -> None:
        """Take the numbers that the host decides by from the buffers; the host waits for the device."""
        self._is_read = True
        self._changes = int(self.changes)
        height, width = self.grid.tolist()
        self._grid = (height, width)

    def start(self, weight: Tensor) -> None:
        """Measure the weight as it is, as the first one. A weight without values ("meta") keeps sigma 1."""
        if weight.is_meta:
            return
        with torch.no_grad(), full_precision(weight):
            self.sigma.copy_(self.measure(weight.detach()))
            self.checksum.copy_(checksum(weight))

    # ---- as torch and normalize_weights call it

    def group_key(self, weight: Tensor) -> Hashable:
        return "refreshed"

    def normalize_together(self, members: Sequence[nn.Module], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Normalized weights of the members, each measured anew where it is in training mode and has changed."""
        if any(member.training for member in members):
            _refresh(members, weights)
        return [member.normalized(weight) for member, weight in zip(members, weights, strict=True)]

    def normalized(self, weight: Tensor) -> Tensor:
        """weight / (gain * sigma), with sigma as it stands."""
        sigma = self.sigma
        if self.differentiate and not weight.is_meta:
            with full_precision(weight):
                slope = self.sigma_of(weight)
            # The stored value with the other's gradient: where the last measurement is some steps old, what it
            # found may have become small, and dividing by that would blow the weight up.
            sigma = sigma + (slope - slope.detach())
        # A tensor of this pass: the buffer may be overwritten before the gradient is computed.
        return weight / (self.gain * sigma).clamp_min(self.epsilon).to(weight.dtype)

    def follow_grid(self, grid: Grid, weight: Tensor) -> None:
        """The layer is applied to this grid: in training mode, take sigma for it if it is another one."""
        if not self.training:
            return
        # Compiled code compiles again whenever what it looked at is another: so not at `_seen`.
        if self._is_read and self._acts_on(grid) == self._grid:
            return
        _change_grid(self, self._acts_on(grid), weight)
        if self.prepared is not None:
            self.prepared = self.normalized(weight)

    @torch.no_grad()
    def refresh(self, weight: Tensor) -> None:
        """Count a change of the weight since the last call, and measure it if it is its turn."""
        if weight.is_meta:
            return
        place, version = weight.data_ptr(), weight._version
        if self._seen == (place, version):
            return
        with full_precision(weight):
            total = checksum(weight)
            known = self._seen is not None and self._seen[0] == place
            self._seen = (place, version)
            if not known:
                setattr(weight, _WATCHED, True)
                self.read_buffers()
                if bool(total == self.checksum):
                    return
            self._changes += 1
            self.changes.fill_(self._changes)
            self.checksum.copy_(total)
            if self._changes % self.interval == 0:
                measured = self.measure(weight).to(self.sigma)
                # A copy, so that one bad number does not stay for ever.
                self.sigma.lerp_(measured, 1 - self.momentum) if self.momentum else self.sigma.copy_(measured)

    def extra_repr(self) -> str:
        return f"grid={self._grid}, gain={self.gain}, interval={self.interval}, momentum={self.momentum}"

    def _acts_on(self, grid: Grid) -> Grid:
        return grid[0] * self.stride[0], grid[1] * self.stride[1]

    def _load_from_state_dict(self, *arguments: object, **keywords: object) -> None:
        super()._load_from_state_dict(*arguments, **keywords)
        self._seen, self._is_read = None, False


def checksum(weight: Tensor) -> Tensor:
    """A scalar int64 of the weight's bits; sums of integers are exact, whatever their order."""
    return weight.detach().view(_BITS[weight.element_size()]).sum(dtype=torch.long)


def _count_step(optimizer: torch.optim.Optimizer, arguments: object, keywords: object) -> None:
    """Fused optimizers write weights without counting it as an in-place change: count it for them."""
    watched = [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if hasattr(parameter, _WATCHED)
    ]
    if watched:
        torch.autograd.graph.increment_version(watched)


# When this module is imported, and not by the first layer: a copy from another process constructs none.
register_optimizer_step_post_hook(_count_step)


@torch.compiler.disable
def _refresh(members: Sequence[RefreshedNorm], weights: Sequence[Tensor]) -> None:
    for member, weight in zip(members, weights, strict=True):
        if member.training:
            member.refresh(weight)


@torch.compiler.disable
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
