"""Pixels in which units are on and labels are shown, counted exactly for several levels at once."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["PixelCounts", "unit_iou"]

VOID = 255
VALUES_PER_PASS = 1 << 23


def unit_iou(
    activations: Tensor | np.ndarray,
    maps: Tensor | np.ndarray,
    levels: Tensor | np.ndarray,
    num_labels: int,
    *,
    none: int | None = None,
) -> Tensor:
    """Compute the intersection over union of every unit with every label, over all images.

    A unit is on where its activation, enlarged bilinearly to the map (align_corners False, edges repeated), is
    strictly above its level. IoU = intersection / (on + label - intersection), in pixels; 0 where neither occurs.
    CSAILVision/gandissect counts a unit only in images that show the label's category; here, all images count.

    Args:
        activations: [N, U, h, w].
        maps: integers [N, H, W], or [N, C, H, W] with up to C labels per pixel; 0 .. num_labels - 1, or 255 (void,
            unless there are more than 255 labels). Pixels that are void in all channels count neither as on nor as
            off.
        levels: [U]; a unit whose level is NaN is nowhere on.
        num_labels: number of labels L.
        none: index that is no label; its IoU is 0. Default: 0 for maps with several channels, as in the released
            code, otherwise none.

    Returns:
        float64 [L, U], 0 .. 1.
    Raises:
        ValueError: if shapes don't fit, or maps hold other values.
    """
    features, labels = torch.as_tensor(activations), torch.as_tensor(maps)
    each = torch.as_tensor(levels)
    if each.ndim != 1:
        raise ValueError(f"the levels have shape {list(each.shape)}; one per unit, [U], is needed")
    counts = PixelCounts(each[None], num_labels, none=none)
    counts.add(features, labels)
    return counts.iou()[0]


class PixelCounts:
    """Numbers of pixels in which units are on, labels are shown, and both, for T levels per unit.

    Args:
        levels: [T, U]; a unit is nowhere on at a level of NaN.
        num_labels: number of labels L.
        none: as in `unit_iou`.

    Attributes:
        total: number of pixels that are not void.
        labels: int64 [L], pixels of each label.
    """

    def __init__(self, levels: Tensor, num_labels: int, *, none: int | None = None) -> None:
        if levels.ndim != 2 or levels.numel() == 0:
            raise ValueError(f"the levels have shape {list(levels.shape)}; [T, U] is needed")
        if num_labels < 1 or (none is not None and not 0 <= none < num_labels):
            raise ValueError(
                f"num_labels is {num_labels} and none {none}; pass at least 1 label, and one of them or None"
            )
        self.none, self.num_labels = none, num_labels
        # A comparison with NaN would let the search count the unit as on; above infinity it is nowhere on.
        known = levels.double().masked_fill(levels.isnan(), torch.inf)
        self._ascending, self._order = known.sort(0)
        tails, units = levels.shape
        self._units, self._bins = units, tails + 1
        self._on = torch.zeros(units, self._bins, dtype=torch.int64)
        self._both = torch.zeros(units, self._bins, num_labels, dtype=torch.int64)
        self.labels = torch.zeros(num_labels, dtype=torch.int64)
        self.total = 0

    def add(self, activations: Tensor, maps: Tensor) -> None:
        """Count the next images: activations [B, U, h, w], maps [B, H, W] or [B, C, H, W].

        Raises:
            ValueError: if shapes don't fit, or maps hold other values.
        """
        if activations.ndim != 4 or activations.shape[1] != self._units or maps.ndim not in (3, 4):
            raise ValueError(
                f"activations have shape {list(activations.shape)} and maps {list(maps.shape)}; "
                f"[B, {self._units}, h, w] and [B, H, W] or [B, C, H, W] are needed"
            )
        if len(activations) != len(maps) or maps.is_floating_point():
            raise ValueError(
                f"there are {len(activations)} images of activations and {len(maps)} maps of {maps.dtype}; one map of "
                "integers for each is needed"
            )
        channels, known = self._checked(maps.to(activations.device))
        size = (channels.shape[2], channels.shape[3])
        step = max(1, VALUES_PER_PASS // (self._units * size[0] * size[1]))
        for part, some, valid in zip(
            activations.split(step), channels.split(step), known.split(step), strict=True
        ):
            enlarged = F.interpolate(part.detach().double(), size, mode="bilinear", align_corners=False)
            self._count(enlarged.movedim(1, 0).flatten(1), some.movedim(1, 0).flatten(1), valid.flatten())

    def on(self) -> Tensor:
        """Return the pixels in which each unit is on, int64 [T, U]."""
        return self._above(self._on)

    def both(self) -> Tensor:
        """Return the pixels in which a unit is on and a label is shown, int64 [T, L, U]."""
        return self._above(self._both).movedim(2, 1)

    def iou(self) -> Tensor:
        """Return the intersection over union, float64 [T, L, U]."""
        both = self.both().double()
        union = self.on().double()[:, None] + self.labels.double()[None, :, None] - both
        return torch.where(union > 0, both / union.clamp(min=1), 0.0)

    def _count(self, values: Tensor, channels: Tensor, known: Tensor) -> None:
        """Count values [U, P] with labels [C, P] (num_labels = none); pixels that are not known are dropped."""
        values, channels = values[:, known], channels[:, known]
        device, slots = values.device, self.num_labels + 1
        above = torch.searchsorted(self._ascending.T.contiguous().to(device), values.contiguous())
        index = above + torch.arange(self._units, device=device)[:, None] * self._bins
        self._on += self._histogram(index, self._units * self._bins).view_as(self._on)
        self.total += int(known.sum())
        for labels in channels:
            pairs = self._histogram(index * slots + labels, self._units * self._bins * slots)
            self._both += pairs.view(self._units, self._bins, slots)[..., :-1]
            self.labels += self._histogram(labels, slots)[:-1]

    def _histogram(self, index: Tensor, length: int) -> Tensor:
        return torch.bincount(index.flatten(), minlength=length).cpu()

    def _above(self, histogram: Tensor) -> Tensor:
        """Return the number of values above each level, in the given order of levels: [T, U, ...]."""
        reverse = histogram.flip(1).cumsum(1).flip(1)[:, 1:].movedim(1, 0)
        order = self._order.view(*self._order.shape, *(1,) * (reverse.ndim - 2)).expand_as(reverse)
        return torch.empty_like(reverse).scatter_(0, order, reverse)

    def _checked(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels [B, C, H, W] with num_labels for none or a repeated label, and which pixels are not void."""
        channels = (maps[:, None] if maps.ndim == 3 else maps).long()
        void = (channels == VOID) if self.num_labels <= VOID else torch.zeros_like(channels, dtype=torch.bool)
        strange = channels[~void & ((channels < 0) | (channels >= self.num_labels))]
        if len(strange):
            raise ValueError(
                f"the maps hold {int(strange[0])}; allowed are 0 .. {self.num_labels - 1} and {VOID} (void): raise "
                "num_labels"
            )
        none = 0 if self.none is None and maps.ndim == 4 else self.none
        labels = channels.masked_fill(void, self.num_labels)
        if none is not None:
            labels = labels.masked_fill(labels == none, self.num_labels)
        for later in range(1, labels.shape[1]):
            repeated = (labels[:, :later] == labels[:, later : later + 1]).any(1)
            labels[:, later] = labels[:, later].masked_fill(repeated, self.num_labels)
        return labels, ~void.all(1)
