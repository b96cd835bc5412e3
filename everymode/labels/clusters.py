"""Self-Conditioned GAN's labels: clusters found in the discriminator's own features while it trains.

Paper: Liu, Wang, Bau, Zhu, Torralba: Diverse Image Generation via Self-Conditioned GANs (CVPR 2020), section 3,
equations 2 (centers start from the means that the old labels induce) and 3 (new clusters take over the numbers of old
ones). Released: stevliu/self-conditioned-gan:clusterers. Departures: a starved cluster restarts at a far point (the
released code stops); labels are computed once per re-clustering for all images (there: for every batch, with the same
result, but for noise added to pixels); cluster probabilities count all images, not the subset alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn

from everymode.draws import Draws
from everymode.game import UNLABELED
from everymode.kmeans import kmeans, nearest_centers
from everymode.labels.matching import induced_means, match_clusters
from everymode.labels.table import TableLabels

BATCH = 500
"""Images that go through the discriminator at once when features are computed."""


class ClusterLabels(TableLabels):
    """Labels 0..K - 1 of k-means clusters in the features of a frozen copy of the discriminator.

    Every refresh copies the discriminator, clusters the features of a fixed subset of the data, and labels all images
    (and, where images are shown mirrored too, all mirror images) by the nearest center. Between two refreshes labels
    are read from that table: no network is run. Fakes take the real batch's labels; samples outside of training draw
    clusters by their sizes.

    Args:
        discriminator: with `features(x) -> [B, F]` and without label; it is copied, and left as it is. One that sums
            its features over space should also have `unpooled_features(x)`, which are clustered instead: the paper's
            discriminators don't sum, and the sums of an untrained one say little of what an image shows.
        example: one example on the discriminator's device, from which F is learned.
        num_clusters: K.
        num_images: N of the data set.
        mirrored: whether images are shown mirrored too.
        subset: how many images are clustered; the others only take the nearest center.
        starts: runs of k-means++ of the first refresh (and of every one without `keep_centers`), of which the best is
            kept.
        keep_centers: start each later k-means at the means of the new features under the old labels (equation 2).
        match: give each new cluster the number of the old one that it shares most images with (equation 3).

    Raises ValueError if there are fewer images than clusters.
    """

    stream = "cluster"
    misfit = "{found} clusters were found, not {expected}"

    teacher: nn.Module
    """The discriminator as it was at the last refresh, in evaluation mode."""
    centers: Tensor
    """[K, F] float, in the teacher's feature space."""
    refreshes: Tensor
    """How often the data was clustered, a scalar int64."""

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
                f"{num_clusters} clusters can't be found in {min(subset, num_images)} images: ask for fewer clusters, "
                "or give more images"
            )
        # UNLABELED until the first refresh.
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
        """The teacher stays in evaluation mode, whatever the others do."""
        super().train(mode)
        self.teacher.eval()
        return self

    def features(self, examples: Tensor) -> Tensor:
        """[B, F]: what is clustered, the teacher's features of examples [B, ...]; unpooled ones where it has them."""
        found: Tensor = getattr(self.teacher, "unpooled_features", self.teacher.features)(examples)
        return found

    def label_unseen(self, examples: Tensor) -> Tensor:
        """[B] int64: the nearest centers to the features of examples [B, ...] outside the data set."""
        with torch.no_grad():
            return nearest_centers(self.features(examples).to(self.centers), self.centers)

    def take_over(self, state: dict[str, Tensor]) -> str:
        """Teacher and centers of another run: the first refresh starts from its clusters and keeps their numbers."""
        if "centers" not in state or not (self.match or self.keep_centers):
            return ""
        if not state["centers"].any():
            return "that run had not clustered yet, so clusters are found anew"
        own = {k: value for k, value in self.state_dict().items() if k.startswith(("teacher.", "centers"))}
        if any(name not in state or state[name].shape != value.shape for name, value in own.items()):
            return (
                "its clusters are not of this kind or number, so clusters are found anew, under other numbers"
            )
        self.load_state_dict({name: state[name] for name in own}, strict=False)
        return f"its {self.num_labels} clusters keep their numbers"

    # ---- re-clustering

    @torch.no_grad()
    def refresh(self, discriminator: nn.Module, data: Any, random: Draws) -> dict[str, float]:
        """Cluster anew by the discriminator's present features; see the class.

        Args:
            data: with `len`, and gather(rows, device, mirror=, dtype=) -> images [n, ...], as data sets have it.
            random: draws of this moment, such as Draws(seed, "500 refresh", Rows.all(1)).

        Returns: clusters without an image, the share of the largest, the mean squared distance to the center over
        the subset's mean squared distance to its mean, and, from the second time on, the share of images that keep
        their cluster and the normalized mutual information with the clusters before.
        """
        again = bool(self.refreshes)
        if not again and self.centers.any():
            # Another run's, taken over: they say what the old labels are.
            self._label_everything(data)
            again = True
        self.teacher.load_state_dict(discriminator.state_dict())
        rows, views = self._subset(random)
        mine = self._share(len(rows))
        features = self._all_features(data, rows[mine], views[mine])
        old = self.table[views.to(self.table.device), rows.to(self.table.device)]
        across = {"total": self._total, "gather": self._gathered}
        initial = None
        if again and self.keep_centers:
            initial, _ = induced_means(features, old[mine], self.num_labels, **across)
        found = kmeans(
            features,
            self.num_labels,
            seed=int(random.over(1).named("k-means").integers("seed", 2**31)),
            starts=self.starts,
            initial=initial,
            **across,
        )
        centers = found.centers
        if again and self.match:
            new = self._gathered(found.labels)
            new_to_old, _ = match_clusters(old, new, self.num_labels)
            centers = torch.empty_like(centers)
            centers[new_to_old.to(centers.device)] = found.centers
        self.centers.copy_(centers)
        before = self.table.clone()
        self._label_everything(data)
        self.count()
        self.refreshes += 1
        return self._numbers(before if again else None) | {
            "spread within": found.inertia / max(found.spread, 1e-30)
        }

    def _subset(self, random: Draws) -> tuple[Tensor, Tensor]:
        """Rows of the data set that are clustered, and whether each is mirrored, int64: the same ones every time."""
        always = replace(random, moment="clustering")
        order = always.over(self.table.shape[1]).uniform("subset").double().argsort(stable=True)
        rows = order[: self.subset].sort().values.cpu()
        views = always.over(len(rows)).integers("mirror", len(self.table)).cpu()
        return rows, views

    def _features(self, data: Any, rows: Tensor, views: Tensor) -> Iterator[Tensor]:
        """The teacher's features of rows [n], some mirrored, by batches."""
        device, dtype = self.centers.device, self.centers.dtype
        for some, mirror in zip(rows.split(BATCH), views.split(BATCH), strict=True):
            flip = mirror.bool().to(device) if len(self.table) == 2 else None
            yield self.features(data.gather(some.numpy(), device, mirror=flip, dtype=dtype))

    def _all_features(self, data: Any, rows: Tensor, views: Tensor) -> Tensor:
        """[n, F]: the same, in the one piece of memory that they need."""
        found, done = self.centers.new_empty(len(rows), self.centers.shape[1]), 0
        for features in self._features(data, rows, views):
            found[done : done + len(features)] = features
            done += len(features)
        return found

    def _label_everything(self, data: Any) -> None:
        """The nearest center to each image and mirror image, each process labeling its share."""
        count = self.table.shape[1]
        mine = self._share(count)
        self.table.zero_()
        for view in range(len(self.table)):
            rows = torch.arange(count)[mine]
            done = mine.start
            for features in self._features(data, rows, torch.full_like(rows, view)):
                found = nearest_centers(features.to(self.centers), self.centers)
                self.table[view, done : done + len(found)] = found
                done += len(found)
        self.table.copy_(self._total(self.table))

    def _numbers(self, before: Tensor | None) -> dict[str, float]:
        numbers = self.numbers()
        if before is not None:
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
        """Rows [n, ...] of all processes, in the order of ranks; their numbers may differ by one."""
        if not self.synchronize:
            return rows
        parts: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(parts, rows.cpu())
        return torch.cat(parts).to(rows.device)
