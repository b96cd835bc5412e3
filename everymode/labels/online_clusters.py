"""Self-Conditioned GAN's online variant: cluster centers that follow the discriminator's features batch by batch.

Paper: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), table 1 and 2 ("online"). Released:
stevliu/self-conditioned-gan:clusterers/online.py. Departure: a center's count starts at the size of its cluster, not at
zero, where the first image of a cluster would replace its center.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import Batch, Condition
from everymode.kmeans import nearest_centers, reseed_centers
from everymode.labels.clusters import ClusterLabels


class OnlineClusterLabels(ClusterLabels):
    """Two clusterings of the whole data, the second when `refresh_every` is over; from then on running means.

    Every batch is then labeled by the nearest centers in the discriminator's present features, which costs a pass
    without gradient; each center moves to the mean of all features that it was given: mu += (f - mu) / n, n += 1.
    Further refreshes cluster nothing: they label all images as a batch would be labeled then, so that what is said and
    shown of the clusters is what they have become, and samples are drawn by their present sizes. A cluster that holds
    no image by then is put on one that is far from its center, if there is such an image (the released code leaves it,
    so that its number is drawn and never learned).

    Args:
        memory: images that weigh in a center, at most (n stays there): centers then follow a discriminator that changes
            fast, which a mean of all images can't. 0 = all, as published.
        numbers: those of `ClusterLabels`.
    """

    given: Tensor
    """[K] float: n, the images that a center is the mean of."""

    def __init__(self, discriminator: nn.Module, example: Tensor, *, memory: int = 0, **numbers: Any) -> None:
        super().__init__(discriminator, example, **numbers)
        self.memory = memory or math.inf
        self._running = False
        self.register_buffer("given", torch.ones(self.num_labels))
        self.register_load_state_dict_pre_hook(_take_counts_for_given)
        self.register_load_state_dict_post_hook(_note_whether_running)

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """[B] int64: the nearest centers, which are then moved."""
        if not self._running:
            return super().assign(batch, discriminator, random)
        with torch.no_grad():
            self.teacher.load_state_dict(discriminator.state_dict())
            features = self.features(batch.real).to(self.centers)
            labels = nearest_centers(features, self.centers)
            self.move(features, labels)
        return labels

    def move(self, features: Tensor, labels: Tensor) -> None:
        """Move the centers by features [B, F] with labels [B]: as if one after the other, and over all processes."""
        sums = torch.zeros_like(self.centers).index_add_(0, labels, features)
        counts = torch.zeros_like(self.given).index_add_(0, labels, torch.ones_like(features[:, 0]))
        sums, counts = self._total(sums), self._total(counts)
        self.given += counts
        weights = self.given.clamp(max=self.memory).maximum(counts).clamp(min=1)
        self.centers += (sums - counts[:, None] * self.centers) / weights[:, None]

    @torch.no_grad()
    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        if not self._running:
            numbers = super().refresh(discriminator, data, random)
            self.given.copy_(self.counts)
            _note_whether_running(self)
            return numbers
        self.teacher.load_state_dict(discriminator.state_dict())
        before = self.table.clone()
        self._label_everything(data)
        self.count()
        empty = self.counts == 0
        reseeded = self._reseed(empty, data, random) if empty.any() else 0
        return self._numbers(before) | {"reseeded": float(reseeded)}

    def _reseed(self, empty: Tensor, data: Any, random: Draws) -> int:
        """Put the `empty` [K] clusters' centers on far images, each as the mean of that one, as far as there are such
        images, and label all anew. Returns how many were moved.
        """
        rows, views = self._subset(random)
        mine = self._share(len(rows))
        features = self._all_features(data, rows[mine], views[mine])
        centers, moved = reseed_centers(
            features, self.centers, empty, total=self._total, gather=self._gathered
        )
        self.centers.copy_(centers)
        self.given[moved] = 1
        self._label_everything(data)
        self.count()
        return int(moved.sum())


def _take_counts_for_given(source: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Checkpoints from before `given` had its place in `counts`."""
    if f"{prefix}counts" in state:
        state.setdefault(f"{prefix}given", state[f"{prefix}counts"])


def _note_whether_running(source: OnlineClusterLabels, incompatible: object = None) -> None:
    """Keep it on the host: reading the buffer in every step would make the host wait."""
    source._running = int(source.refreshes) >= 2
