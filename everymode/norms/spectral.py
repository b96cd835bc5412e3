"""Spectral normalization as in released BigGAN, with layers of equal shape normalized in one computation.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks"; the order of the power iteration, and
the difference between training and eval mode, follow ajbrock/BigGAN-PyTorch:layers.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.utils import parametrize

from everymode.norms.normalizable import Normalizable, weight_parametrizations
from everymode.norms.weight import Grid, Groupable, WeightRule
from everymode.precision import full_precision


def spectral_norm(*, iterations: int = 1, epsilon: float = 1e-8) -> WeightRule:
    """Return a weight rule that divides each weight by an estimate of its largest singular value.

    A kernel [out, in, kh, kw] counts as the matrix [out, in * kh * kw] (a transposed convolution's kernel is transposed
    first). From the stored row u: v = normalize(u W), u' = normalize(v W^T), sigma = ||W v||. Training mode stores u';
    eval mode uses the new u' too, but stores nothing. u' and v are constants for the gradient.

    Args:
        iterations: power iterations per forward of the network.
        epsilon: lower bound of the norms in divisors; a zero weight stays zero.
    Returns:
        A rule for `normalize_weights`. It raises a ValueError for transposed convolutions with groups.
    Raises:
        ValueError: if `iterations` is below 1.
    """
    if iterations < 1:
        raise ValueError(
            f"iterations is {iterations}; spectral_norm needs at least one power iteration per forward."
        )

    def rule(layer: Normalizable, grid: Grid) -> nn.Module:
        transposed = isinstance(layer, nn.ConvTranspose2d)
        rows = layer.weight.shape[1 if transposed else 0]
        if isinstance(layer, nn.ConvTranspose2d) and layer.groups > 1:
            raise ValueError(
                f"spectral_norm does not take transposed convolutions with groups (here {layer.groups}); exclude them "
                "with `include`."
            )
        parametrization = SpectralNorm(rows, transposed=transposed, iterations=iterations, epsilon=epsilon)
        return parametrization.to(layer.weight)

    return rule


@torch.no_grad()
def singular_values(network: nn.Module) -> dict[str, Tensor]:
    """Return the current estimate of each normalized layer's largest singular value, for logs; no buffer changes.

    Args:
        network: a network with layers under `spectral_norm`; other layers are skipped.
    Returns:
        Layer name -> scalar tensor on the layer's device.
    """
    values: dict[str, Tensor] = {}
    for name, layer in network.named_modules():
        if not parametrize.is_parametrized(layer, "weight"):
            continue
        parametrizations = weight_parametrizations(layer)
        original = parametrizations.original
        for parametrization in parametrizations:
            if isinstance(parametrization, SpectralNorm):
                order = _column_order(original, parametrization.transposed)
                matrix = original.unsqueeze(0).permute(order).flatten(2)
                stored = parametrization.u.unsqueeze(1)
                _, _, sigma = power_iteration(matrix, stored, iterations=1, epsilon=parametrization.epsilon)
                values[name] = sigma.reshape(())
    return values


class SpectralNorm(Groupable):
    """The parametrization behind `spectral_norm`: weight -> weight / sigma, of the weight's shape.

    Args:
        rows: number of outputs of the layer, the length of u.
        transposed: whether the outputs are the weight's second dimension.
        iterations: as in `spectral_norm`.
        epsilon: as in `spectral_norm`.
    """

    u: Tensor
    """[1, rows], the stored left singular vector."""

    def __init__(
        self, rows: int, *, transposed: bool = False, iterations: int = 1, epsilon: float = 1e-8
    ) -> None:
        super().__init__()
        self.transposed = transposed
        self.iterations = iterations
        self.epsilon = epsilon
        self.register_buffer("u", torch.randn(1, rows))

    def group_key(self, weight: Tensor) -> Hashable:
        return (weight.shape, weight.dtype, weight.device, self.transposed, self.iterations, self.epsilon)

    def normalize_together(self, members: Sequence[Groupable], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the normalized weights, all of one shape, and store the new u of the members in training mode."""
        with full_precision(weights[0]):
            stacked = weights[0].unsqueeze(0) if len(weights) == 1 else torch.stack(tuple(weights))
            order = _column_order(weights[0], self.transposed)
            matrices = stacked.permute(order)
            permuted_shape = matrices.shape
            matrices = matrices.flatten(2)
            group = cast(Sequence[SpectralNorm], members)  # all have the class of `self`
            rows = group[0].u if len(group) == 1 else torch.cat([member.u for member in group])
            normalized, _, u = _SpectralDivide.apply(
                matrices, rows.unsqueeze(1), self.iterations, self.epsilon
            )
            _store(group, u)
            normalized = normalized.view(permuted_shape).permute(_inverse(order))
        return normalized.unbind(0)

    def extra_repr(self) -> str:
        return f"rows={self.u.shape[1]}, iterations={self.iterations}, epsilon={self.epsilon}"


def power_iteration(
    matrices: Tensor, u: Tensor, *, iterations: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Estimate the singular vectors and largest singular values of a stack of matrices.

    Args:
        matrices: [N, out, in].
        u: [N, 1, out], initial left vectors, of any length but zero.
        iterations: at least 1.
        epsilon: lower bound of the norms in divisors.
    Returns:
        Left vectors u [N, 1, out] and right vectors v [N, 1, in], both of length 1, and sigma [N, 1, 1] >= epsilon.
    """
    u, v, sigma = _iterate_once(matrices, u, epsilon)
    for _ in range(iterations - 1):
        u, v, sigma = _iterate_once(matrices, u, epsilon)
    return u, v, sigma


def _iterate_once(matrices: Tensor, u: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    v = F.normalize(torch.bmm(u, matrices), dim=2, eps=epsilon)
    product = torch.bmm(v, matrices.mT)
    # ||W v|| is v W^T u'^T, so the norm that scales u' is the singular value itself.
    sigma = torch.linalg.vector_norm(product, dim=2, keepdim=True).clamp_min(epsilon)
    return product / sigma, v, sigma


class _Context(FunctionCtx):
    """Type of the context of `_SpectralDivide`."""

    saved_tensors: tuple[Tensor, Tensor, Tensor, Tensor]


class _SpectralDivide(torch.autograd.Function):
    """W [N, out, in] and the stored u [N, 1, out] -> (W / sigma, sigma [N, 1, 1], the iterated u).

    With sigma = u' W v^T and u', v constant: dW = (g - <g, W / sigma> u'^T v) / sigma. Both differentiable outputs are
    saved, so that this formula can be differentiated again.
    """

    @staticmethod
    def forward(
        ctx: _Context, matrices: Tensor, u: Tensor, iterations: int, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        u, v, sigma = power_iteration(matrices, u, iterations=iterations, epsilon=epsilon)
        normalized = matrices / sigma
        ctx.save_for_backward(normalized, sigma, u, v)
        ctx.mark_non_differentiable(u)
        ctx.set_materialize_grads(False)
        return normalized, sigma, u

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        normalized_gradient, sigma_gradient, _ = gradients
        normalized, sigma, u, v = ctx.saved_tensors
        if normalized_gradient is None:
            if sigma_gradient is None:
                return None, None, None, None
            return torch.bmm((u * sigma_gradient).mT, v), None, None, None
        count = len(normalized)
        along = torch.bmm(normalized_gradient.reshape(count, 1, -1), normalized.reshape(count, -1, 1))
        if sigma_gradient is not None:
            along = along - sigma_gradient * sigma
        return torch.baddbmm(normalized_gradient, (u * along).mT, v, alpha=-1) / sigma, None, None, None


def _column_order(weight: Tensor, transposed: bool) -> tuple[int, ...]:
    """Return the order of dimensions in which a stack of weights is a stack of matrices, without a copy if possible.

    The order of a matrix's columns does not change its singular values, so a kernel in channels-last memory is read
    channels last.
    """
    if weight.dim() < 4:
        return tuple(range(weight.dim() + 1))
    first, second = (2, 1) if transposed else (1, 2)
    if not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last):
        return (0, first, 3, 4, second)
    return (0, first, second, 3, 4)


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(dimension) for dimension in range(len(order)))


@torch.no_grad()
def _store(members: Sequence[SpectralNorm], u: Tensor) -> None:
    training = [index for index, member in enumerate(members) if member.training]
    if len(training) == 1:
        members[training[0]].u.copy_(u[training[0]])
    elif training:
        stored, new = [members[index].u for index in training], [u[index] for index in training]
        torch._foreach_copy_(stored, new)  # pyright: ignore[reportPrivateImportUsage]  torch has no public name for it
