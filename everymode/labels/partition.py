"""Partition-Guided GAN's labels: the part of space in which a partitioner puts an image, and the guide toward it.

Paper: Armandpour, Sadeghian, Li, Zhou: Partition-Guided GANs (CVPR 2021), section 4. Equation 6, whose text is lost, is
recovered from property 2 and the proof of theorem 3: R_c(x) = sum over j of relu(s_j(x) - s_c(x)), s being the
partitioner's logits. Released: alisadeghian/PGMGAN. Departures: there R is a mean over the K parts, here that is an
argument; there samples are accepted by the argmax, here where R is 0, which differs at exact ties alone; there labels
are computed for every batch, here once for all images and their mirror images.
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
"""Images that go through the partitioner at once when all are labeled."""

Reduction = Literal["sum", "mean"]


def guide_distance(logits: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """R_c(x) = sum over j of relu(s_j - s_c): how far x is from the part c that it should be in; 0 in that part alone.

    Partition-Guided GAN, equation 6.

    Args:
        logits: s, [B, K].
        labels: c, [B] whole numbers 0..K - 1 (looked at on the CPU only: elsewhere that would make the host wait).
        reduction: "sum" over the parts as in the paper, or "mean", the sum over K as in the released code, whose
            weights of 6 and less go with it.
    Returns:
        [B], at least 0.
    Raises:
        ValueError: shapes that don't fit, labels outside the range, or another reduction.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"the guide needs logits [B, K] and labels [B], not {list(logits.shape)} and {list(labels.shape)}"
        )
    if reduction not in ("sum", "mean"):
        raise ValueError(f'reduction is "sum" (over the parts) or "mean", not {reduction!r}')
    ahead = (logits - logits.gather(1, _part_numbers(labels, logits.shape[1]).unsqueeze(1))).relu()
    return ahead.sum(1) if reduction == "sum" else ahead.mean(1)


def _part_numbers(labels: Tensor, count: int) -> Tensor:
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be whole numbers, not {labels.dtype}")
    labels = labels.long()
    if labels.device.type == "cpu" and len(labels) and not torch.compiler.is_compiling():
        lowest, highest = (int(value) for value in labels.aminmax())
        if lowest < 0 or highest >= count:
            raise ValueError(
                f"labels must be 0..{count - 1}, one of the parts, but they span {lowest}..{highest}"
            )
    return labels


class PartitionLabels(FixedParts):
    """Parts by a frozen partitioner, which also says how far a sample is from the part that it was asked for.

    `label_all` computes the labels of all images; between that and the end of training, only the guide runs the
    partitioner. It stays in evaluation mode, and none of its parameters takes a gradient.

    Args:
        partitioner: images [B, C, H, W] in [-1, 1], or points [B, 2], -> logits [B, K]; kept, not copied.
        num_parts, num_images, mirrored: see FixedParts.
    """

    partitioner: nn.Module

    def __init__(
        self, partitioner: nn.Module, num_parts: int, num_images: int, *, mirrored: bool = False
    ) -> None:
        super().__init__(num_parts, num_images, mirrored=mirrored)
        self.partitioner = partitioner.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> PartitionLabels:
        """The partitioner stays in evaluation mode, whatever the others do."""
        super().train(mode)
        self.partitioner.eval()
        return self

    def adopt(self, partitioner: nn.Module, data: Any, *, seed: int) -> None:
        """Take over what another partitioner of this layout has learned; `take(label_all(data))` labels by it."""
        self.partitioner.load_state_dict(partitioner.state_dict())

    def logits(self, examples: Tensor) -> Tensor:
        """[B, K], with a gradient to the examples where they carry one; in full precision, as parts are a matter of
        last digits.
        """
        with full_precision(examples):
            return self.partitioner(examples.to(self.counts.dtype))

    def choose(self, logits: Tensor, condition: Condition) -> Tensor:
        """[B] int64: the part of examples with these logits; `condition` is what the data set says of them."""
        return logits.argmax(1)

    def distance(self, examples: Tensor, labels: Tensor, *, reduction: Reduction = "sum") -> Tensor:
        """`guide_distance` of examples from the parts that they should be in, [B]."""
        return guide_distance(self.logits(examples), labels, reduction=reduction)

    def guide(self, reduction: Reduction = "mean") -> Term:
        """The guide as a generator's term: mean distance of the fakes from their parts (equation 8)."""

        def term(turn: Turn) -> Tensor:
            assert isinstance(turn.fake_condition, Tensor)
            return self.distance(turn.fake, turn.fake_condition, reduction=reduction).mean()

        return term

    @torch.no_grad()
    def label_all(self, data: Any, after_batch: Callable[[int], object] | None = None) -> Tensor:
        """The part of each image and mirror image of a data set, [1, N] or [2, N] int64 on the CPU.

        Args:
            data: `gather(rows, device, mirror=..., dtype=...)` and `gather_labels(rows, device)`.
            after_batch: called with the number of images done, after each batch.
        Raises:
            ValueError: another number of images than this label source was made for.
        """
        views, count = self.table.shape
        if len(data) != count:
            raise ValueError(f"these labels were made for {count:,} images, and the data has {len(data):,}")
        device, dtype = self.counts.device, self.counts.dtype
        found = torch.zeros(views, count, dtype=torch.long)
        for rows in torch.arange(count).split(BATCH):
            given = data.gather_labels(rows.numpy(), device)
            for view in range(views):
                flip = torch.full((len(rows),), bool(view), device=device) if views == 2 else None
                images = data.gather(rows.numpy(), device, mirror=flip, dtype=dtype)
                found[view, rows] = self.choose(self.logits(images), given).cpu()
            if after_batch is not None:
                after_batch(int(rows[-1]) + 1)
        return found

    @torch.no_grad()
    def label_unseen(self, examples: Tensor) -> Tensor:
        """[B] int64: the parts that examples [B, ...] outside the data set lie in."""
        return self.logits(examples).argmax(1)

    @torch.no_grad()
    def accepts(self, fake: Tensor, condition: Condition) -> Tensor | None:
        """[B] bool: which fakes lie in the part that they were asked for: where the guide is exactly 0."""
        assert isinstance(condition, Tensor)
        return self.distance(fake, condition) == 0

    def sampling_state(self) -> dict[str, Tensor]:
        """Sizes of the parts, and the partitioner, without which no sample can be rejected."""
        weights = {f"partitioner.{name}": value for name, value in self.partitioner.state_dict().items()}
        return super().sampling_state() | weights

    def load_sampling_state(self, state: dict[str, Tensor]) -> None:
        super().load_sampling_state(state)
        start = len("partitioner.")
        weights = {name[start:]: value for name, value in state.items() if name.startswith("partitioner.")}
        self.partitioner.load_state_dict(weights)
