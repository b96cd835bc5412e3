"""Self-Conditioned GAN's labels: clusters of the discriminator's own features, recomputed while it trains.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), section 3,
equations 2 (centers start from the means that the old labels induce) and 3 (new clusters take over the indices of old
ones). Released: stevliu/self-conditioned-gan:clusterers. Departures: an empty cluster restarts at a far point (the
released code stops); labels are computed once per clustering for all images (there: for every batch, with the same
result except for noise added to pixels); cluster probabilities count all images, not only the subset.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELED
from everymode.kmeans import kmeans, nearest_centers
from everymode.labels.interfaces import HasFeatures
from everymode.labels.matching import induced_means, match_clusters
from everymode.labels.table import TableLabels

BATCH = 500
"""Images per forward pass when features are computed."""


class ClusterSizes(TableLabels):
    """Clusters of a trained generator, of which only the sizes are known: enough to draw labels.

    Args:
        num_clusters: K.
    """

    stream = "cluster"
    misfit = "{found} clusters were found, not {expected}"

    def __init__(self, num_clusters: int) -> None:
        super().__init__(num_clusters, torch.arange(num_clusters)[None])


class ClusterLabels(TableLabels):
    """Labels 0..K - 1, the k-means clusters of the features of a frozen copy of the discriminator.

    Every refresh copies the discriminator, clusters the features of a fixed subset of the dataset, and labels all
    images (and all mirror images, if images are also shown mirrored) by the nearest center. Between two refreshes
    labels are read from that table, without running a network. Fakes take the real batch's labels; samples outside of
    training draw clusters in proportion to their sizes.

    Args:
        discriminator: with `features(x) -> [B, F]`, which takes no labels; it is copied and not modified. If
            `features` sums over space, `unpooled_features(x)` is clustered instead: the paper's discriminators don't
            sum, and sums of an untrained network carry little information about an image.
        example: one example on the discriminator's device, from which F is inferred.
        num_clusters: K.
        num_images: N of the dataset.
        mirrored: whether images are also shown mirrored.
        subset: number of images that k-means clusters; the others only take the nearest center.
        starts: runs of k-means++ in the first refresh (in every refresh without `keep_centers`); the best is selected.
        keep_centers: whether later refreshes start k-means at the means of the new features under the old labels
            (equation 2).
        match: whether each new cluster takes over the index of the old one with which it shares most images
            (equation 3).
    Raises:
        ValueError: if there are fewer images than clusters.
    """

    stream, misfit = ClusterSizes.stream, ClusterSizes.misfit

    teacher: nn.Module
    """Copy of the discriminator at the last refresh, in eval mode."""
    centers: Tensor
    """[K, F] float, in the teacher's feature space."""
    refreshes: Tensor
    """Number of times the dataset was clustered, a scalar int64."""

    def __init__(
        self,
        discriminator: nn.Module,
        example: Tensor,
        *,
        num_clusters: int,
        num_images: int,
        mirrored: bool = False,
        subset: int = 25_000,
        starts: int = 10,
        keep_centers: bool = True,
        match: bool = True,
    ) -> None:
        if num_clusters < 1 or subset < num_clusters or num_images < num_clusters:
            raise ValueError(
                f"{num_clusters} clusters can't be found in {min(subset, num_images)} images: choose fewer clusters, "
                "or provide more images"
            )
        # All labels are UNLABELED until the first refresh.
        super().__init__(num_clusters, torch.full((2 if mirrored else 1, num_images), UNLABELED))
        self.subset = min(subset, num_images)
        self.starts = starts
        self.keep_centers = keep_centers
        self.match = match
        self.synchronize = False
        self.teacher = copy.deepcopy(discriminator).requires_grad_(False)
        with torch.no_grad():
            self.teacher.eval()
            width = self.features(example).shape[1]
        self.register_buffer("centers", torch.zeros(num_clusters, width))
        self.register_buffer("refreshes", torch.zeros((), dtype=torch.long))

    def train(self, mode: bool = True) -> ClusterLabels:
        """Set the mode of this module; the teacher stays in eval mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def features(self, examples: Tensor) -> Tensor:
        """Return the features that are clustered, [B, F]: the teacher's unpooled features, or `features` without those.

        Args:
            examples: [B, ...].
        """
        pooled = cast(HasFeatures, self.teacher).features
        return getattr(self.teacher, "unpooled_features", pooled)(examples)

    def label_unseen(self, examples: Tensor) -> Tensor:
        """Return the nearest center of each example [B, ...] outside the dataset, int64 [B]."""
        with torch.no_grad():
            return nearest_centers(self.features(examples).to(self.centers), self.centers)

    def take_over(self, state: dict[str, Tensor]) -> str:
        """Load the teacher and centers of another run, from which the first refresh starts.

        Returns:
            A message about the clusters that were or were not taken over; empty if there is nothing to report.
        """
        if "centers" not in state or not (self.match or self.keep_centers):
            return ""
        if not state["centers"].any():
            return "that run had not clustered yet, so clustering starts from scratch"
        own = {k: value for k, value in self.state_dict().items() if k.startswith(("teacher.", "centers"))}
        if any(name not in state or state[name].shape != value.shape for name, value in own.items()):
            return "its clusters are not of this kind or number, so clustering starts from scratch, under new indices"
        self.load_state_dict({name: state[name] for name in own}, strict=False)
        return f"its {self.num_labels} clusters keep their indices"

    # ---- re-clustering

    @torch.no_grad()
    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        """Cluster the dataset by the discriminator's current features, and label all images.

        Args:
            discriminator: its weights are copied to the teacher.
            data: with `len`, and the method gather(rows, device, mirror=, dtype=) -> images [n, ...] of datasets.
            random: draws of this moment, such as Draws(seed, "500 refresh", Rows.all(1)).
        Returns:
            The number of clusters without an image, the share of the largest, the mean squared distance to the center
            divided by the subset's mean squared distance to its mean, and, from the second refresh on, the share of
            images that keep their cluster and the normalized mutual information with the previous clusters.
        """
        again = bool(self.refreshes)
        if not again and self.centers.any():
            # The centers come from another run, and define the old labels.
            self._label_everything(data)
            again = True
        self.teacher.load_state_dict(discriminator.state_dict())
        k = len(self.counts)
        rows, views = self._subset(random)
        share = self._share(len(rows))
        features = self._all_features(data, rows[share], views[share])
        old = self.table[views.to(self.table.device), rows.to(self.table.device)]
        initial = None
        if again and self.keep_centers:
            initial, _ = induced_means(features, old[share], k, total=self._total, gather=self._gathered)
        clustering = kmeans(
            features,
            k,
            seed=int(random.over(1).named("k-means").integers("seed", 2**31)),
            starts=self.starts,
            initial=initial,
            total=self._total,
            gather=self._gathered,
        )
        centers = clustering.centers
        if again and self.match:
            new = self._gathered(clustering.labels)
            new_to_old, _ = match_clusters(old, new, k)
            centers = torch.empty_like(centers)
            centers[new_to_old.to(centers.device)] = clustering.centers
        self.centers.copy_(centers)
        before = self.table.clone()
        self._label_everything(data)
        self.count()
        self.refreshes += 1
        return self._numbers(before if again else None) | {
            "spread within": clustering.inertia / max(clustering.spread, 1e-30)
        }

    def _subset(self, random: Draws) -> tuple[Tensor, Tensor]:
        """Return the rows that are clustered, and 1 for each mirrored one or 0, int64; the same in every refresh."""
        constant = replace(random, moment="clustering")
        order = constant.over(self.table.shape[1]).uniform("subset").double().argsort(stable=True)
        rows = order[: self.subset].sort().values.cpu()
        views = constant.over(len(rows)).integers("mirror", len(self.table)).cpu()
        return rows, views

    def _features(self, data: Any, rows: Tensor, views: Tensor) -> Iterator[Tensor]:
        """Iterate over batches of rows [n]; yield their features, of mirror images if views [n] is 1."""
        device, dtype = self.centers.device, self.centers.dtype
        for some, mirror in zip(rows.split(BATCH), views.split(BATCH), strict=True):
            flip = mirror.bool().to(device) if len(self.table) == 2 else None
            yield self.features(data.gather(some.numpy(), device, mirror=flip, dtype=dtype))

    def _all_features(self, data: Any, rows: Tensor, views: Tensor) -> Tensor:
        """Return the features of all these rows, [n, F], written to a tensor that is allocated once."""
        features, done = self.centers.new_empty(len(rows), self.centers.shape[1]), 0
        for some in self._features(data, rows, views):
            features[done : done + len(some)] = some
            done += len(some)
        return features

    def _label_everything(self, data: Any) -> None:
        """Label each image and mirror image by its nearest center; every process labels its share."""
        count = self.table.shape[1]
        share = self._share(count)
        self.table.zero_()
        for view in range(len(self.table)):
            rows = torch.arange(count)[share]
            done = share.start
            for features in self._features(data, rows, torch.full_like(rows, view)):
                labels = nearest_centers(features.to(self.centers), self.centers)
                self.table[view, done : done + len(labels)] = labels
                done += len(labels)
        self.table.copy_(self._total(self.table))

    def _numbers(self, before: Tensor | None) -> dict[str, float]:
        numbers = self.numbers()
        if before is not None:
            from sklearn.metrics import (
                normalized_mutual_info_score,
            )  # only here: it takes 40 MB and half a second

            old, new = before.flatten().cpu(), self.table.flatten().cpu()
            numbers["kept"] = float((old == new).double().mean())
            numbers["nmi with previous"] = float(normalized_mutual_info_score(old.numpy(), new.numpy()))
        return numbers

    # ---- several processes: each computes features of its share of the rows

    def _share(self, count: int) -> slice:
        if not self.synchronize:
            return slice(0, count)
        rank, size = dist.get_rank(), dist.get_world_size()
        return slice(count * rank // size, count * (rank + 1) // size)

    def _total(self, values: Tensor) -> Tensor:
        if self.synchronize:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def _gathered(self, rows: Tensor) -> Tensor:
        """Return the rows [n, ...] of all processes in the order of ranks; n may differ by one between them."""
        if not self.synchronize:
            return rows
        parts: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(parts, rows.cpu())
        return torch.cat(parts).to(rows.device)
