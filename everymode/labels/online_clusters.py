"""Self-Conditioned GAN's online variant: cluster centers that follow the discriminator's features batch by batch.

Paper: Liu et al., Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), tables 1 and 2 ("online"). Released:
stevliu/self-conditioned-gan:clusterers/online.py. Departure: a center's count starts at the size of its cluster; from
zero, as in the released code, the first image of a cluster would replace its center.
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
    """Two clusterings of the whole dataset, `refresh_every` steps apart; from then on centers are running means.

    Each batch is then labeled by the nearest centers in the discriminator's current features, which costs a forward
    pass without gradient. Each center moves to the mean of all features assigned to it: n += 1, mu += (f - mu) / n.
    Further refreshes don't cluster: they label all images as a batch would be labeled then, so that reports, pictures
    and the probabilities of samples refer to the current clusters. A cluster without any image moves to an image far
    from that image's center, if there is one (the released code keeps it, so that its label is drawn but never
    trained).

    Args:
        memory: upper bound of n, the weight of a center's past, which lets centers follow a discriminator that changes
            fast. 0 = unbounded, as published.
        numbers: arguments of `ClusterLabels`.
    """

    given: Tensor
    """[K] float: n, the number of images whose mean a center is."""

    def __init__(self, discriminator: nn.Module, example: Tensor, *, memory: int = 0, **numbers: Any) -> None:
        super().__init__(discriminator, example, **numbers)
        self.memory = memory or math.inf
        self._running = False
        self.register_buffer("given", torch.ones(self.num_labels))
        self.register_load_state_dict_pre_hook(_take_counts_for_given)
        self.register_load_state_dict_post_hook(_note_whether_running)

    def assign(self, batch: Batch, discriminator: nn.Module, random: Draws) -> Condition:
        """Return the nearest center of each real example, int64 [B], and update the centers."""
        if not self._running:
            return super().assign(batch, discriminator, random)
        with torch.no_grad():
            self.teacher.load_state_dict(discriminator.state_dict())
            features = self.features(batch.real).to(self.centers)
            labels = nearest_centers(features, self.centers)
            self.move(features, labels)
        return labels

    def move(self, features: Tensor, labels: Tensor) -> None:
        """Update the centers by features [B, F] with labels [B] of all processes, as if one example after the other."""
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
        """Move the centers of the `empty` [K] clusters to far images, as long as there are any, and label all images.

        Returns:
            The number of centers that moved; each starts as the mean of one image.
        """
        rows, views = self._subset(random)
        share = self._share(len(rows))
        features = self._all_features(data, rows[share], views[share])
        centers, moved = reseed_centers(
            features, self.centers, empty, total=self._total, gather=self._gathered
        )
        self.centers.copy_(centers)
        self.given[moved] = 1
        self._label_everything(data)
        self.count()
        return int(moved.sum())


def _take_counts_for_given(source: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Fill in `given` from `counts`, for checkpoints older than `given`."""
    if f"{prefix}counts" in state:
        state.setdefault(f"{prefix}given", state[f"{prefix}counts"])


def _note_whether_running(source: OnlineClusterLabels, incompatible: object = None) -> None:
    """Store on the host whether centers are running means; reading the buffer in each step would synchronize."""
    source._running = int(source.refreshes) >= 2
