"""Errors of inversion: cosine error, encoder loss, and the reconstruction loss of Self-Conditioned GAN's Eq. 4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["class_error", "cosine_error", "encoder_loss", "reconstruction_loss"]


def cosine_error(a: Tensor, b: Tensor, reduction: str = "mean") -> Tensor:
    """Compute 1 - cosine of the angle between the channel vectors of two tensors, at every position.

    Follows davidbau/ganseeing:seeing/encoder_loss.py: the cosine is over channels, without centering. A vector of
    zeros has the cosine 0 to all others.

    Args:
        a, b: [B, C] or [B, C, ...], the same shape.
        reduction: "mean" over samples and positions, "sum" over samples and positions, or "none".

    Returns:
        A scalar, or for "none" a tensor [B, ...] without the channels; 0 .. 2 per position.
    Raises:
        ValueError: if the shapes differ or have no channels, or the reduction is unknown.
    """
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            f"the shapes are {list(a.shape)} and {list(b.shape)}; two tensors [B, C, ...] of one shape are "
            "needed"
        )
    error = 1 - F.cosine_similarity(a, b, dim=1)
    if reduction == "none":
        return error
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction is "{reduction}"; choose "mean", "sum" or "none"')
    return error.mean() if reduction == "mean" else error.sum()


def encoder_loss(
    z_hat: Tensor,
    z: Tensor,
    layer_hat: Tensor | None,
    layer: Tensor | None,
    layer_again: Tensor | None,
    x_hat: Tensor,
    x: Tensor,
    class_logits: Tensor | Sequence[Tensor] | None = None,
    label: Tensor | None = None,
    *,
    kind: str = "cosine",
) -> dict[str, Tensor]:
    """Compute the loss of an encoder on generated images whose latent code, layer and class are known.

    - "cosine" (default), as davidbau/ganseeing trains: cosine errors of the latent code, of the encoder's estimate of
      the layer, and of the layer that the generator computes again from z_hat; the mean squared error of the pixels;
      cross-entropy of the class.
    - "norm", Eq. 5 of Self-Conditioned GAN read literally: per sample the L2 norms of the errors of the latent code,
      pixels and estimated layer, averaged over the batch, and the cross-entropy. It has no term for `layer_again`,
      which is not used.

    Args:
        z_hat, z: estimated and true latent codes, [B, Z].
        layer_hat, layer: the encoder's estimate of a generator's layer and the true one, [B, C, h, w]; None for both
            omits the term.
        layer_again: the layer computed again from z_hat, [B, C, h, w]; None omits the term.
        x_hat, x: images [B, C, H, W], generated again from z_hat, and the encoder's input.
        class_logits: [B, K], or one tensor [B, K_i] per label block; None omits the term.
        label: true classes, int64 [B], or [B, blocks] for label blocks.
        kind: "cosine" or "norm".

    Returns:
        Scalars "latent", "layer", "layer_again", "pixels" and "classes", without those that are omitted, and "total",
        their sum.
    Raises:
        ValueError: if only one of a pair is given, shapes differ, or the kind is unknown.
    """
    if kind not in ("cosine", "norm"):
        raise ValueError(f'kind is "{kind}"; choose "cosine" or "norm"')
    if (layer_hat is None) != (layer is None) or (layer_again is not None and layer is None):
        raise ValueError(
            "layer_hat and layer_again are compared with layer: give layer too, or omit all three"
        )
    if (class_logits is None) != (label is None):
        raise ValueError("class_logits and label are compared: give both or neither")
    _require_one_shape("x_hat", x_hat, "x", x)
    _require_one_shape("z_hat", z_hat, "z", z)
    error = cosine_error if kind == "cosine" else _mean_norm
    terms = {"latent": error(z_hat, z)}
    if layer_hat is not None and layer is not None:
        terms["layer"] = error(layer_hat, layer)
    if layer_again is not None and layer is not None and kind == "cosine":
        terms["layer_again"] = cosine_error(layer_again, layer)
    terms["pixels"] = F.mse_loss(x_hat, x) if kind == "cosine" else _mean_norm(x_hat, x)
    if class_logits is not None and label is not None:
        terms["classes"] = class_error(class_logits, label)
    return {**terms, "total": torch.stack(list(terms.values())).sum()}


def class_error(class_logits: Tensor | Sequence[Tensor], label: Tensor) -> Tensor:
    """Compute the cross-entropy of classes, summed over label blocks and averaged over the batch.

    Args:
        class_logits: [B, K], or one tensor [B, K_i] per label block.
        label: int64 [B], or [B, blocks].

    Raises:
        ValueError: if the numbers of rows or blocks differ.
    """
    if isinstance(class_logits, Tensor):
        class_logits, label = (class_logits,), label.unsqueeze(-1)
    blocks = len(class_logits)
    if label.ndim != 2 or label.shape[1] != blocks or any(len(each) != len(label) for each in class_logits):
        raise ValueError(
            f"the class logits have shapes {[list(each.shape) for each in class_logits]} and the labels "
            f"{list(label.shape)}; pass [B, K] and [B], or for label blocks one [B, K] for each and [B, blocks]"
        )
    return torch.stack([F.cross_entropy(each, label[:, i]) for i, each in enumerate(class_logits)]).sum()


def reconstruction_loss(
    gx: Tensor,
    x: Tensor,
    gf: Tensor | None = None,
    f: Tensor | None = None,
    feature_weight: float = 5e-4,
    reduction: str = "mean",
    *,
    feature_error: str = "squared",
) -> Tensor:
    """Compute Eq. 4 of Self-Conditioned GAN: L1 error of the pixels plus a weight times the squared error of features.

    The paper writes norms without reductions. With means (default), the weight has a meaning that does not depend on
    sizes.

    Args:
        gx, x: generated and target images, [B, C, H, W].
        gf, f: their features, [B, ...]; None for both omits the term.
        feature_weight: weight of the features, lambda_f.
        reduction: "mean": means over all values, a scalar. "none": the same per image, [B]. "sum": sums over the
            values of each image, [B].
        feature_error: "squared", or "absolute" as in the released residual inversion (davidbau/ganseeing).

    Returns:
        A scalar for "mean", otherwise [B].
    Raises:
        ValueError: if shapes differ, only one side has features, or a name is unknown.
    """
    if (gf is None) != (f is None):
        raise ValueError("features are given for one side only; pass both gf and f, or neither")
    if feature_error not in ("squared", "absolute"):
        raise ValueError(f'feature_error is "{feature_error}"; choose "squared" or "absolute"')
    if reduction not in ("mean", "none", "sum"):
        raise ValueError(f'reduction is "{reduction}"; choose "mean", "none" or "sum"')
    _require_one_shape("gx", gx, "x", x)
    loss = _per_sample((gx - x).abs(), reduction)
    if gf is not None and f is not None:
        _require_one_shape("gf", gf, "f", f)
        difference = gf - f
        error = difference.square() if feature_error == "squared" else difference.abs()
        loss = loss + feature_weight * _per_sample(error, reduction)
    return loss.mean() if reduction == "mean" else loss


def _per_sample(error: Tensor, reduction: str) -> Tensor:
    flat = error.flatten(1)
    return flat.sum(1) if reduction == "sum" else flat.mean(1)


def _mean_norm(a: Tensor, b: Tensor) -> Tensor:
    """Return the L2 norm of each sample's difference, averaged over the batch."""
    _require_one_shape("an estimate", a, "its target", b)
    return torch.linalg.vector_norm((a - b).flatten(1), dim=1).mean()


def _require_one_shape(name: str, a: Tensor, other: str, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"{name} has shape {list(a.shape)} and {other} {list(b.shape)}; both need the same shape [B, ...]"
        )
