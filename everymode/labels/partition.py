"""Partition-Guided GAN's labels: the part of space to which a partitioner assigns an image, and the guide toward it.

Paper: Armandpour, Sadeghian, Li, Zhou: Partition-Guided GANs (CVPR 2021), section 4. Our copy of the paper lacks the
formula of equation 6; it follows from property 2 and the proof of theorem 3: R_c(x) = sum over j of
relu(s_j(x) - s_c(x)), with s the partitioner's logits. Released: alisadeghian/PGMGAN. Departures: there R is a mean
over the K parts, here that is an argument; there samples are accepted by the argmax, here if R is 0, which differs
only at exact ties; there labels are computed for every batch, here once for all images and their mirror images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from everymode.game import Condition, Term, Turn
from everymode.labels.table import FixedParts
from everymode.precision import full_precision

BATCH = 500
"""Images per forward pass when the whole dataset is labeled."""

Reduction = Literal["sum", "mean"]


def guide_distance(logits: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """Compute the guide R_c(x) = sum over j of relu(s_j - s_c), the distance of x from its target part c.

    It is 0 in that part and positive elsewhere. Partition-Guided GAN, equation 6.

    Args:
        logits: s, [B, K].
        labels: c, integers 0..K - 1 [B]; the range is checked on the CPU only, because elsewhere it would synchronize.
        reduction: "sum" over the parts as in the paper, or "mean", which divides the sum by K as the released code
            does; the weights of 6 and less are meant for "mean".
    Returns:
        [B], at least 0.
    Raises:
        ValueError: if shapes don't fit, labels are outside their range, or the reduction is unknown.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"the guide needs logits [B, K] and labels [B], not {list(logits.shape)} and {list(labels.shape)}"
        )
    if reduction not in ("sum", "mean"):
        raise ValueError(f'reduction must be "sum" (over the parts) or "mean", not {reduction!r}')
    ahead = (logits - logits.gather(1, _part_numbers(labels, logits.shape[1]).unsqueeze(1))).relu()
    return ahead.sum(1) if reduction == "sum" else ahead.mean(1)


def _part_numbers(labels: Tensor, count: int) -> Tensor:
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    labels = labels.long()
    if labels.device.type == "cpu" and len(labels) and not torch.compiler.is_compiling():
        lowest, highest = (int(value) for value in labels.aminmax())
        if lowest < 0 or highest >= count:
            raise ValueError(
                f"labels must be 0..{count - 1}, one of the parts, but they span {lowest}..{highest}"
            )
    return labels


class PartitionLabels(FixedParts):
    """Labels by a frozen partitioner, which also measures the distance of a sample from its target part.

    `label_all` computes the labels of all images before training; during training only the guide runs the partitioner,
    which stays in eval mode with frozen parameters.

    Args:
        partitioner: images [B, C, H, W] in [-1, 1], or points [B, 2], -> logits [B, K]; it is frozen and not copied.
        num_parts, num_images, mirrored: see FixedParts.
    """

    partitioner: nn.Module

    def __init__(
        self, partitioner: nn.Module, num_parts: int, num_images: int, *, mirrored: bool = False
    ) -> None:
        super().__init__(num_parts, num_images, mirrored=mirrored)
        self.partitioner = partitioner.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PartitionLabels:
        """Set the mode of this module; the partitioner stays in eval mode."""
        super().train(mode)
        self.partitioner.eval()
        return self

    def adopt(self, partitioner: nn.Module, data: Any, *, seed: int) -> None:
        """Copy the weights of another partitioner of the same layout; `take(label_all(data))` then labels by it."""
        self.partitioner.load_state_dict(partitioner.state_dict())

    def logits(self, examples: Tensor) -> Tensor:
        """Return the logits [B, K] of examples, in full precision, because rounding may change the part.

        They carry a gradient to the examples if these require one.
        """
        with full_precision(examples):
            return self.partitioner(examples.to(self.counts.dtype))

    def choose(self, logits: Tensor, condition: Condition) -> Tensor:
        """Return the part of examples with these logits, int64 [B]; `condition` is their label in the dataset."""
        return logits.argmax(1)

    def distance(self, examples: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
        """Return the `guide_distance` of examples from their target parts, [B]."""
        return guide_distance(self.logits(examples), labels, reduction=reduction)

    def guide(self, reduction: Reduction = "mean") -> Term:
        """Return the guide as a term of the generator: mean distance of the fakes from their parts (equation 8)."""

        def term(turn: Turn) -> Tensor:
            assert isinstance(turn.fake_condition, Tensor)
            return self.distance(turn.fake, turn.fake_condition, reduction=reduction).mean()

        return term

    @torch.no_grad()
    def label_all(self, data: Any, after_batch: Callable[[int], object] | None = None) -> Tensor:
        """Return the part of each image of a dataset, [1, N] (or [2, N] with mirror images) int64 on the CPU.

        Args:
            data: with `len`, `gather(rows, device, mirror=..., dtype=...)` and `gather_labels(rows, device)`.
            after_batch: called after each batch with the number of images labeled so far.
        Raises:
            ValueError: if the number of images is not that of this label source.
        """
        views, count = self.table.shape
        if len(data) != count:
            raise ValueError(f"these labels were made for {count:,} images, and the data has {len(data):,}")
        device, dtype = self.counts.device, self.counts.dtype
        parts = torch.zeros(views, count, dtype=torch.long)
        for rows in torch.arange(count).split(BATCH):
            condition = data.gather_labels(rows.numpy(), device)
            for view in range(views):
                flip = torch.full((len(rows),), bool(view), device=device) if views == 2 else None
                images = data.gather(rows.numpy(), device, mirror=flip, dtype=dtype)
                parts[view, rows] = self.choose(self.logits(images), condition).cpu()
            if after_batch is not None:
                after_batch(int(rows[-1]) + 1)
        return parts

    @torch.no_grad()
    def label_unseen(self, examples: Tensor) -> Tensor:
        """Return the part of each example [B, ...] outside the dataset, int64 [B]."""
        return self.logits(examples).argmax(1)

    @torch.no_grad()
    def accepts(self, fake: Tensor, condition: Condition) -> Tensor | None:
        """Return whether each fake lies in its requested part, where the guide is exactly 0; bool [B]."""
        assert isinstance(condition, Tensor)
        return self.distance(fake, condition) == 0

    def sampling_state(self) -> dict[str, Tensor]:
        """Return the sizes of the parts, and the partitioner's weights, which rejecting samples needs."""
        weights = {f"partitioner.{name}": value for name, value in self.partitioner.state_dict().items()}
        return super().sampling_state() | weights

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        super().load_sampling_state(state)
        prefix = "partitioner."
        weights = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
        self.partitioner.load_state_dict(weights)
