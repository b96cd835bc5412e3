"""Clusters as labels: complete re-clusterings against reference values, stable indices, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from children import run_ranks
from torch import Tensor, nn

from everymode.draws import Draws, Rows
from everymode.game import UNLABELED, Batch
from everymode.kmeans import nearest_centers
from everymode.labels.clusters import ClusterLabels
from everymode.labels.online_clusters import OnlineClusterLabels

VECTORS = np.load(Path(__file__).parents[1] / "vectors_unlabelled_reclustering.npz")


class LinearFeatures(nn.Module):
    """A discriminator with nothing but features x A^T of x [B, D]."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix.clone())

    def features(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.T


class Rows2D:
    """A dataset of rows [N, D]; mirroring reverses a row."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def gather(
        self, indices: np.ndarray, device: Any, *, mirror: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        result = self.rows[torch.from_numpy(indices)].to(device, dtype)
        return result if mirror is None else torch.where(mirror[:, None], result.flip(1), result)


def moment(name: str = "0 refresh") -> Draws:
    return Draws(3, name, Rows.all(1), dtype=torch.float64)


def blobs(per: int = 30, dtype: torch.dtype = torch.float64) -> tuple[Rows2D, Tensor]:
    """Return three well separated blobs in the plane, and the blob of each row."""
    truth = torch.arange(3).repeat_interleave(per)
    noise = torch.randn(3 * per, 2, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return Rows2D(torch.tensor([[0.0, 0], [9, 0], [0, 9]], dtype=dtype)[truth] + 0.3 * noise), truth


def source(data: Rows2D, judge: nn.Module, clusters: int = 3, kind: Any = ClusterLabels, **more: Any) -> Any:
    example = data.rows[:1]
    return kind(judge, example, num_clusters=clusters, num_images=len(data), **more).double()


def identity() -> LinearFeatures:
    return LinearFeatures(torch.eye(2, dtype=torch.float64))


def batch(rows: Tensor, data: Rows2D, mirrored: Tensor | None = None) -> Batch:
    return Batch(data.rows[rows], None, rows, mirrored)


def test_a_whole_reclustering_as_in_the_reference() -> None:
    data = Rows2D(torch.from_numpy(VECTORS["recl_x"]))
    judge = LinearFeatures(torch.from_numpy(VECTORS["recl_A0"]))
    labels = source(data, judge, 7)
    labels.refresh(judge, data, moment())
    labels.table[0] = torch.from_numpy(VECTORS["recl_labels0"].astype(np.int64))
    judge.matrix.data = torch.from_numpy(VECTORS["recl_A1"])
    numbers = labels.refresh(judge, data, moment("5 refresh"))
    expected = torch.from_numpy(VECTORS["recl_labels1"].astype(np.int64))
    assert torch.equal(labels.table[0], expected)
    assert labels.counts.tolist() == VECTORS["recl_counts1"].tolist()
    np.testing.assert_allclose(labels.counts / labels.counts.sum(), VECTORS["recl_probs1"], rtol=1e-9)
    order = torch.from_numpy(VECTORS["recl_new_to_old"])
    placed = torch.empty(7, 6, dtype=torch.float64)
    placed[order] = torch.from_numpy(VECTORS["recl_kmeans_centers1"])
    np.testing.assert_allclose(labels.centers, placed, rtol=1e-9)
    # The cost of the matching is the number of images that change their cluster.
    assert numbers["kept"] == pytest.approx(1 - int(VECTORS["recl_match_cost"]) / 400)


def test_clusters_are_the_blobs_and_are_read_from_the_table() -> None:
    data, truth = blobs()
    labels = source(data, identity())
    assert labels.assign(batch(torch.tensor([3]), data), identity(), moment()).tolist() == [UNLABELED]
    numbers = labels.refresh(identity(), data, moment())
    assert numbers["empty"] == 0
    assert numbers["largest"] == pytest.approx(1 / 3)
    assert numbers["spread within"] < 0.02
    names = labels.table[0, ::30]
    assert sorted(names.tolist()) == [0, 1, 2]
    assert torch.equal(labels.table[0], names[truth])
    rows = torch.tensor([40, 2, 89])
    assert torch.equal(labels.assign(batch(rows, data), identity(), moment()), names[truth[rows]])
    assert torch.equal(labels.label_unseen(data.rows[rows] + 0.1), names[truth[rows]])


class Summed(LinearFeatures):
    """A discriminator whose summed features don't distinguish the three blobs."""

    def features(self, x: Tensor) -> Tensor:
        return super().features(x).sum(1, keepdim=True)

    def unpooled_features(self, x: Tensor) -> Tensor:
        return super().features(x)


@pytest.mark.parametrize("kind", [ClusterLabels, OnlineClusterLabels])
def test_features_are_clustered_before_they_are_summed(kind: type[ClusterLabels]) -> None:
    data, truth = blobs()
    judge = Summed(torch.eye(2, dtype=torch.float64))
    labels = source(data, judge, kind=kind)
    assert labels.centers.shape == (3, 2)
    for step in range(2):
        labels.refresh(judge, data, moment(f"{step} refresh"))
    names = labels.table[0, ::30]
    assert sorted(names.tolist()) == [0, 1, 2] and torch.equal(labels.table[0], names[truth])
    rows = torch.tensor([40, 2, 89])
    assert torch.equal(labels.assign(batch(rows, data), judge, moment()), names[truth[rows]])


def test_features_that_stay_keep_every_label() -> None:
    data, _ = blobs()
    labels = source(data, identity(), 5)
    labels.refresh(identity(), data, moment())
    before = labels.table.clone()
    numbers = labels.refresh(identity(), data, moment("9 refresh"))
    assert torch.equal(labels.table, before)
    assert numbers["kept"] == 1
    assert numbers["nmi with previous"] == pytest.approx(1)


@pytest.mark.parametrize("keep_centers", [True, False])
def test_matching_keeps_indices_when_features_rotate(keep_centers: bool) -> None:
    data, _ = blobs()
    turned = LinearFeatures(torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64))
    labels = source(data, identity(), keep_centers=keep_centers)
    labels.refresh(identity(), data, moment())
    before = labels.table.clone()
    labels.refresh(turned, data, moment("9 refresh"))
    assert torch.equal(labels.table, before)


def test_without_matching_and_kept_centers_indices_are_drawn_again() -> None:
    data, _ = blobs()
    changed = 0
    for trial in range(8):
        labels = source(data, identity(), keep_centers=False, match=False)
        labels.refresh(identity(), data, moment())
        before = labels.table.clone()
        labels.refresh(identity(), data, moment(f"{trial + 1} refresh"))
        changed += not torch.equal(labels.table, before)
    assert changed >= 4  # five of six orders of three names differ


def test_mirror_images_have_separate_labels() -> None:
    data, _truth = blobs()
    labels = source(data, identity(), mirrored=True)
    labels.refresh(identity(), data, moment())
    assert labels.table.shape == (2, 90)
    # Reversed, the blob at (9, 0) lies where that at (0, 9) was, and the one at 0 does not move.
    first, second, third = labels.table[0, ::30].tolist()
    assert labels.table[1, ::30].tolist() == [first, third, second]
    mirrored = torch.tensor([True, False])
    got = labels.assign(batch(torch.tensor([31, 31]), data, mirrored), identity(), moment())
    assert got.tolist() == [third, second]
    assert int(labels.counts.sum()) == 180


def test_a_subset_is_clustered_and_everything_labeled() -> None:
    data, truth = blobs(per=50)
    labels = source(data, identity(), subset=20)
    labels.refresh(identity(), data, moment())
    rows, _ = labels._subset(moment())
    again, _ = labels._subset(moment("700 refresh"))
    assert len(rows) == 20
    assert torch.equal(rows, again)  # the same images every time
    assert torch.equal(labels.table[0], labels.table[0, ::50][truth])


def test_a_starved_cluster_is_filled_again() -> None:
    data, _ = blobs()
    labels = source(data, identity(), 4)
    labels.refresh(identity(), data, moment())
    labels.table[labels.table == 2] = 1  # no image has this label any more
    numbers = labels.refresh(identity(), data, moment("9 refresh"))
    assert numbers["empty"] == 0
    assert labels.centers.isfinite().all()


def test_samples_draw_clusters_by_their_sizes_also_from_a_shared_file() -> None:
    data, _ = blobs()
    labels = source(data, identity())
    labels.counts.copy_(torch.tensor([0.0, 1, 3]))
    fresh = source(data, identity())
    fresh.load_sampling_state(labels.sampling_state())
    drawn = fresh.draw(Draws(1, "sample", Rows.all(4000)))
    shares = torch.bincount(drawn, minlength=3) / 4000
    assert shares[0] == 0
    assert float(shares[2]) == pytest.approx(0.75, abs=0.03)
    with pytest.raises(RuntimeError, match="3 clusters were found, not 4"):
        source(data, identity(), 4).load_sampling_state(labels.sampling_state())


def test_the_teacher_is_a_frozen_copy_in_eval_mode() -> None:
    data, _ = blobs()
    judge = nn.Sequential()
    judge.features = nn.BatchNorm1d(2).double()
    labels = source(data, judge)
    labels.train()
    assert not labels.teacher.training
    assert not any(parameter.requires_grad for parameter in labels.teacher.parameters())
    labels.refresh(judge, data, moment())
    assert torch.equal(labels.teacher.features.running_mean, torch.zeros(2, dtype=torch.float64))
    judge.features.running_mean.fill_(7)
    assert torch.equal(labels.teacher.features.running_mean, torch.zeros(2, dtype=torch.float64))


def test_too_few_images_raise() -> None:
    data, _ = blobs(per=2)
    with pytest.raises(ValueError, match="7 clusters can't be found in 6 images"):
        source(data, identity(), 7)
    with pytest.raises(ValueError, match="5 clusters can't be found in 4 images"):
        source(data, identity(), 5, subset=4)


def test_the_state_resumes_exactly() -> None:
    data, _ = blobs()
    turned = LinearFeatures(torch.tensor([[0.5, -1], [1, 0.2]], dtype=torch.float64))
    first = source(data, identity(), 6)
    first.refresh(identity(), data, moment())
    second = source(data, turned, 6)
    second.load_state_dict(first.state_dict())
    for each in (first, second):
        each.refresh(turned, data, moment("9 refresh"))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_online_clusters_that_no_image_is_far_from_stay_and_are_not_counted() -> None:
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels)
    for name in ("0 refresh", "5 refresh"):
        labels.refresh(identity(), data, moment(name))
    data.rows[:] = labels.centers[
        0
    ]  # all images are equal: two clusters are empty, and there is no other point to move to
    centers, given = labels.centers.clone(), labels.given.clone()
    numbers = labels.refresh(identity(), data, moment("10 refresh"))
    assert (numbers["empty"], numbers["reseeded"]) == (2, 0)
    assert torch.equal(labels.centers, centers) and torch.equal(labels.given, given)


def test_online_checkpoints_from_when_counts_were_the_weights_still_load() -> None:
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels)
    for name in ("0 refresh", "5 refresh"):
        labels.refresh(identity(), data, moment(name))
    state = labels.state_dict()
    del state["given"]
    resumed = source(data, identity(), kind=OnlineClusterLabels)
    resumed.load_state_dict(state)
    assert torch.equal(resumed.given, labels.counts) and torch.equal(resumed.centers, labels.centers)


def test_another_runs_clusters_keep_their_indices_on_other_data() -> None:
    data, _ = blobs()
    first = source(data, identity())
    first.refresh(identity(), data, moment())
    indices = [int(first.table[0, 30 * blob]) for blob in range(3)]
    other, _ = blobs(per=40)
    second = source(other, identity())
    assert second.take_over(first.state_dict()) == "its 3 clusters keep their indices"
    numbers = second.refresh(identity(), other, Draws(77, "0 refresh", Rows.all(1), dtype=torch.float64))
    assert second.table[0, ::40].tolist() == indices and numbers["kept"] > 0.9
    assert int(second.refreshes) == 1 and second.counts.tolist() == [40, 40, 40]
    more = source(other, identity(), 4)
    assert "from scratch" in more.take_over(first.state_dict()) and not more.centers.any()


# ---- online


def test_online_centers_are_running_means() -> None:
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels)
    labels.refresh(identity(), data, moment())
    rows = torch.tensor([0, 1, 31, 89, 89])
    before = labels.centers.clone()
    labels.assign(batch(rows, data), identity(), moment())
    assert torch.equal(labels.centers, before)  # still the fixed clustering
    labels.refresh(identity(), data, moment("5 refresh"))
    expected, counts = labels.centers.clone(), labels.counts.clone()
    assert torch.equal(labels.given, counts)
    given = labels.table[0, rows]
    got = labels.assign(batch(rows, data), identity(), moment())
    assert torch.equal(got, given)
    for row, cluster in zip(rows, given, strict=True):  # one after the other, as Bottou and Bengio write it
        counts[cluster] += 1
        expected[cluster] += (data.rows[row] - expected[cluster]) / counts[cluster]
    torch.testing.assert_close(labels.centers, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(labels.given, counts)
    data.rows[:20] = data.rows[30:50]  # the statistics follow the data, without a new clustering
    centers, counts = labels.centers.clone(), labels.given.clone()
    numbers = labels.refresh(identity(), data, moment("10 refresh"))
    assert torch.equal(labels.centers, centers) and torch.equal(labels.given, counts)
    assert torch.equal(labels.table[0], nearest_centers(data.rows, centers))
    assert numbers["kept"] < 1 and numbers["reseeded"] == 0 and "spread within" not in numbers
    assert sorted(labels.counts.tolist()) == [
        10,
        30,
        50,
    ]  # samples are drawn by the current sizes of the clusters


def test_an_online_cluster_that_has_died_is_put_on_a_far_image() -> None:
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels)
    for name in ("0 refresh", "5 refresh"):
        labels.refresh(identity(), data, moment(name))
    dead, second = int(labels.table[0, 0]), int(labels.table[0, 30])
    data.rows[:30] = data.rows[30:60]  # the first blob has gone, and the second is twice as large
    data.rows[5] = torch.tensor([14.0, 0])  # far from its center, the second one
    centers, given = labels.centers.clone(), labels.given.clone()
    numbers = labels.refresh(identity(), data, moment("10 refresh"))
    assert numbers["reseeded"] == 1 and numbers["empty"] == 0
    torch.testing.assert_close(labels.centers[dead], data.rows[5], rtol=0, atol=1e-12)
    kept = torch.arange(3) != dead
    assert torch.equal(labels.centers[kept], centers[kept]) and torch.equal(labels.given[kept], given[kept])
    assert labels.given[dead] == 1 and labels.table[0, 5] == dead
    assert labels.counts[dead] == 1 and labels.counts[second] == 59
    drawn = labels.draw(Draws(0, "sample", Rows.all(1000)))
    assert (drawn == dead).double().mean() < 0.05


def test_online_centers_can_forget() -> None:
    """With a memory of n images a center moves as if it were the mean of n images, however many there were."""
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels, memory=5)
    for name in ("0 refresh", "5 refresh"):
        labels.refresh(identity(), data, moment(name))
    rows = torch.tensor([0, 1])
    before, (cluster, _) = labels.centers.clone(), labels.table[0, rows].tolist()
    labels.assign(batch(rows, data), identity(), moment())
    moved = before[cluster] + (data.rows[rows] - before[cluster]).sum(0) / 5
    torch.testing.assert_close(labels.centers[cluster], moved, rtol=1e-12, atol=1e-12)
    many = data.rows[torch.arange(8)]  # more than the memory: their mean
    labels.move(many, torch.full((8,), cluster))
    torch.testing.assert_close(labels.centers[cluster], many.mean(0), rtol=1e-12, atol=1e-12)


def test_online_uses_the_current_features_and_resumes_running() -> None:
    data, _ = blobs()
    labels = source(data, identity(), kind=OnlineClusterLabels)
    for step in range(2):
        labels.refresh(identity(), data, moment(f"{step} refresh"))
    resumed = source(data, identity(), kind=OnlineClusterLabels)
    resumed.load_state_dict(labels.state_dict())
    swapped = LinearFeatures(torch.tensor([[0.0, 1], [1, 0]], dtype=torch.float64))
    first, second, third = labels.table[0, ::30].tolist()
    rows = torch.tensor([0, 30, 60])
    for each in (labels, resumed):
        assert each.assign(batch(rows, data), swapped, moment()).tolist() == [first, third, second]
    assert torch.equal(labels.centers, resumed.centers)


# ---- two processes


def refresh_on_two_ranks(out: Path) -> None:
    """Run two refreshes and one online batch, each process with its share of the data."""
    from everymode.machine.distributed import World

    torch.set_num_threads(1)
    world = World.from_environment()
    labels = two_refreshes(world)
    if world.is_writer:
        torch.save(labels.state_dict(), out / "state.pt")
    world.barrier()
    world.close()


def two_refreshes(world: Any = None) -> ClusterLabels:
    data = Rows2D(torch.from_numpy(VECTORS["recl_x"]))
    judge = LinearFeatures(torch.from_numpy(VECTORS["recl_A0"]))
    labels = source(data, judge, 7, kind=OnlineClusterLabels, subset=301)
    if world is not None:
        world.synchronize_statistics(labels)
    labels.refresh(judge, data, moment())
    judge.matrix.data = torch.from_numpy(VECTORS["recl_A1"])
    labels.refresh(judge, data, moment("5 refresh"))
    rows = torch.arange(10)
    mine = rows if world is None else rows[world.rank * 5 : world.rank * 5 + 5]
    labels.assign(batch(mine, data), judge, moment())
    return labels


def test_two_ranks_find_what_one_does(tmp_path: Path) -> None:
    for ended in run_ranks(2, refresh_on_two_ranks, tmp_path, output=tmp_path / "said"):
        assert ended.code == 0, ended.said
    theirs = torch.load(tmp_path / "state.pt", weights_only=True)
    for name, value in two_refreshes().state_dict().items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-12, atol=1e-12)
