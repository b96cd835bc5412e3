"""k-means: against scikit-learn from the same centers, with empty clusters by hand, and in two processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from children import run_ranks
from kmeans_on_ranks import clusterings, save_clusterings
from sklearn.cluster import KMeans as Yardstick
from torch import Tensor

from everymode.kmeans import kmeans, means_of_clusters, nearest_centers
from everymode.kmeans.point_blocks import around_mean
from everymode.kmeans.projection import principal_directions, project
from everymode.kmeans.seeding import draw_rows, seed_centers
from everymode.machine.distributed import World


def blobs(count: int = 600, width: int = 20, kinds: int = 8, *, spread: float = 1.0, seed: int = 0) -> Tensor:
    """Return points [count, width] that lie around `kinds` centers in turn, float64."""
    generator = torch.Generator().manual_seed(seed)
    bases = 2 * torch.randn(kinds, width, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, width, generator=generator, dtype=torch.float64)
    return bases[torch.arange(count) % kinds] + spread * noise


def yardstick(points: Tensor, initial: Tensor, tolerance: float) -> Yardstick:
    return Yardstick(len(initial), init=initial.numpy(), n_init=1, tol=tolerance).fit(points.numpy())


@pytest.mark.parametrize("tolerance", [0.0, 1e-2])
def test_it_ends_where_scikit_learn_does_from_the_same_centers(tolerance: float) -> None:
    points = blobs(spread=2.0)
    result = kmeans(points, 10, initial=points[:10], tolerance=tolerance)
    expected = yardstick(points, points[:10], tolerance)
    assert result.iterations == expected.n_iter_ > 3
    assert np.array_equal(result.labels, expected.labels_)
    assert np.allclose(result.centers, expected.cluster_centers_, rtol=1e-10, atol=1e-12)
    assert result.inertia == pytest.approx(expected.inertia_, rel=1e-10)
    assert result.counts.tolist() == np.bincount(expected.labels_).tolist()


def test_labels_counts_and_inertia_belong_to_the_centers_when_it_is_cut_short() -> None:
    points = blobs(spread=2.0)
    result = kmeans(points, 10, initial=points[:10], iterations=2)
    assert result.iterations == 2
    distances = torch.cdist(points, result.centers).square()
    assert torch.equal(result.labels, distances.argmin(1))
    assert result.inertia == pytest.approx(float(distances.amin(1).sum()), rel=1e-10)
    assert torch.equal(result.counts, torch.bincount(result.labels, minlength=10))


@pytest.mark.parametrize("width", [3, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_starts_find_blobs_that_are_there(width: int, dtype: torch.dtype) -> None:
    points = blobs(400, width, 20, spread=0.05).to(dtype)
    result = kmeans(points, 20)
    assert result.centers.dtype == dtype
    kinds = result.labels.view(20, 20)
    assert (kinds == kinds[0]).all() and len(kinds[0].unique()) == 20
    means = points.view(20, 20, width).mean(0)
    assert torch.allclose(result.centers[kinds[0]], means, atol=1e-5)


def test_ten_starts_are_about_as_good_as_scikit_learns() -> None:
    points = blobs(800, 100, 40, spread=3.0)
    expected = Yardstick(25, n_init=10, random_state=0).fit(points.numpy())
    result = [kmeans(points, 25, seed=seed).inertia for seed in range(3)]
    assert np.mean(result) < 1.003 * expected.inertia_
    one = [kmeans(points, 25, seed=seed, starts=1).inertia for seed in range(3)]
    assert np.mean(result) < np.mean(one)


def test_the_result_depends_on_features_and_seed_alone() -> None:
    points = blobs(300, 70, 30, spread=2.0).float()
    torch.manual_seed(1)
    first = kmeans(points, 12, seed=3, starts=2)
    state = torch.get_rng_state()
    torch.rand(1)
    again = kmeans(points, 12, seed=3, starts=2)
    assert torch.equal(first.centers, again.centers) and torch.equal(first.labels, again.labels)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first.centers, kmeans(points, 12, seed=4, starts=2).centers)


@pytest.mark.parametrize("initial", [False, True])
def test_the_size_of_blocks_changes_nothing(initial: bool) -> None:
    points = blobs(300, 70, 30, spread=0.5)
    first = points[:12] if initial else None
    whole = kmeans(points, 12, initial=first, starts=2)
    for block_rows in (1, 7, 299):
        parts = kmeans(points, 12, initial=first, starts=2, block_rows=block_rows)
        assert torch.equal(parts.labels, whole.labels)
        assert torch.allclose(parts.centers, whole.centers, rtol=1e-11, atol=1e-12)
        assert torch.equal(nearest_centers(points, whole.centers, block_rows=block_rows), whole.labels)


@pytest.mark.parametrize("initial", [False, True])
def test_single_precision_survives_points_far_from_zero(initial: bool) -> None:
    points = (blobs(500, 8, 6, spread=0.4) * 64).round().float() / 64
    away = points + 4096.0
    assert torch.equal(away - 4096.0, points)  # nothing was rounded, so the clusters must be the same
    first = points[:6] if initial else None
    near, far = (
        kmeans(rows, 6, initial=None if first is None else first + shift)
        for rows, shift in ((points, 0), (away, 4096))
    )
    assert torch.equal(near.labels, far.labels)
    assert far.inertia == pytest.approx(near.inertia, rel=1e-4)
    assert torch.equal(nearest_centers(away, far.centers), far.labels)
    squares = (away.square().sum(1, keepdim=True) - 2 * away @ far.centers.T) + far.centers.square().sum(1)
    assert not torch.equal(squares.argmin(1), far.labels)  # uncentered squares give other labels


def test_the_nearest_center_is_found_and_the_first_of_equals() -> None:
    centers = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    points = torch.tensor([[1.0, 0.0], [1.5, 0.0], [1.0, 1.0], [0.0, 1.5], [9.0, -9.0]])
    assert nearest_centers(points, centers).tolist() == [0, 1, 0, 3, 1]
    assert nearest_centers(points[:0], centers).tolist() == []
    many, means = blobs(200, 5), blobs(30, 5, seed=1)
    assert torch.equal(nearest_centers(many, means), torch.cdist(many, means).argmin(1))
    exact = nearest_centers(many.float(), means.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as in a training step
        assert torch.equal(nearest_centers(many.float(), means.float()), exact)


def test_a_tie_goes_to_the_first_center_while_iterating() -> None:
    line = torch.tensor([[0.0], [1.0], [2.0]])
    result = kmeans(line, 2, initial=torch.tensor([[0.0], [2.0]]))
    assert result.labels.tolist() == [0, 0, 1] and result.centers.flatten().tolist() == [0.5, 2.0]


def test_a_starved_cluster_moves_to_the_farthest_point_as_scikit_learns() -> None:
    points = blobs(spread=2.0)
    initial = points[:10].clone()
    initial[4] += 1e3
    result, expected = kmeans(points, 10, initial=initial, tolerance=0), yardstick(points, initial, 0)
    assert np.array_equal(result.labels, expected.labels_)
    assert result.inertia == pytest.approx(expected.inertia_, rel=1e-10)
    assert result.counts.min() > 0


def test_several_starved_clusters_move_to_different_points() -> None:
    line = torch.tensor([[0.0], [1.0], [11.0], [20.0], [22.0]]).double()
    initial = torch.tensor([[4.0], [21.0], [500.0], [900.0]])
    once = kmeans(line, 4, initial=initial, iterations=1)
    # 11 is 7 away from its center and moves first, 0 is 4 away; both leave their old cluster.
    assert once.centers.flatten().tolist() == pytest.approx([1.0, 21.0, 11.0, 0.0])
    assert once.labels.tolist() == [3, 0, 2, 1, 1]
    points = blobs()
    far = torch.cat((points[:2], points[:6] + 1e3))
    assert kmeans(points, 8, initial=far).counts.min() > 0


def test_the_last_point_of_a_cluster_is_not_taken() -> None:
    line = torch.tensor([[0.0], [4.0], [50.0]]).double()
    result = kmeans(line, 3, initial=torch.tensor([[1.0], [30.0], [900.0]]), iterations=1)
    # 50 is farthest from its center, but the only point of its cluster; 4 is the farthest of the others.
    assert result.centers.flatten().tolist() == pytest.approx([0.0, 50.0, 4.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [2, 90])
@pytest.mark.parametrize("distinct", [1, 3])
def test_fewer_distinct_points_than_clusters_work(dtype: torch.dtype, width: int, distinct: int) -> None:
    points = blobs(distinct, width).to(dtype).repeat(10, 1) + 0.1
    for initial in (None, points[:5]):
        result = kmeans(points, 5, initial=initial)
        assert result.iterations < 10
        assert int((result.counts > 0).sum()) >= distinct
        assert result.inertia == pytest.approx(0, abs=1e-6)
        assert torch.allclose(result.centers[result.labels], points, atol=1e-4)
        assert result.centers.isfinite().all()


def test_as_many_clusters_as_points_make_each_its_own() -> None:
    points = blobs(12, 70, 12)
    result = kmeans(points, 12)
    assert sorted(result.labels.tolist()) == list(range(12))
    assert result.inertia == pytest.approx(0, abs=1e-18)
    assert kmeans(points, 1).inertia == pytest.approx(float((points - points.mean(0)).square().sum()))


def test_an_empty_clusters_mean_is_a_far_point() -> None:
    features = torch.tensor([[0.0], [1.0], [11.0], [20.0], [22.0], [7e5]]).double()
    labels = torch.tensor([0, 0, 0, 1, 1, -1])
    means, empty = means_of_clusters(features, labels, 4)
    # The other clusters' means still include the points that moved; the row without a label is ignored.
    assert means.flatten().tolist() == pytest.approx([4.0, 21.0, 11.0, 0.0])
    assert empty.tolist() == [False, False, True, True]
    same = torch.ones(3, 2)
    means, empty = means_of_clusters(same, torch.tensor([1, 1, 1]), 3)
    assert torch.equal(means, torch.ones(3, 2)) and empty.tolist() == [True, False, True]


def test_empty_clusters_get_what_others_can_spare() -> None:
    # The two farthest points belong to one cluster, which can give only one of them.
    x = torch.tensor([[0.0, 0], [100, 0], [10, 0], [10, 1], [10, 2]])
    labels = torch.tensor([0, 0, 1, 1, 1])
    means, empty = means_of_clusters(x, labels, 4)
    assert empty.tolist() == [False, False, True, True]
    assert means[2].tolist() == [0, 0]
    assert means[3].tolist() in ([10, 0], [10, 2])
    means, _ = means_of_clusters(x, labels, 5)
    assert len(means.unique(dim=0)) == 5


def test_principal_directions_are_those_of_the_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    scales = 0.9 ** torch.arange(120, dtype=torch.float64)
    points = torch.randn(900, 120, generator=generator, dtype=torch.float64) * scales + 5
    around, count, spread = around_mean(points)
    assert count == 900
    centered = points - points.mean(0)
    assert spread == pytest.approx(float(centered.square().sum()) / 900)
    directions = principal_directions(around, 10, generator)
    assert torch.allclose(directions.T @ directions, torch.eye(10, dtype=torch.float64), atol=1e-12)
    expected = torch.linalg.svd(centered, full_matrices=False)
    assert torch.allclose((expected.Vh[:10] @ directions).diag().abs(), torch.ones(10).double(), atol=1e-4)
    lengths = project(around, directions).norm(dim=0)
    assert torch.allclose(lengths, expected.S[:10], rtol=1e-5)


def test_rows_are_drawn_in_proportion_to_their_weights() -> None:
    weights = torch.tensor([[1.0, 3.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1e-30, 0.0]])
    uniform = ((torch.arange(800) + 0.5) / 800).double().expand(3, -1)
    drawn = draw_rows(weights, uniform)
    assert torch.bincount(drawn[0], minlength=4).tolist() == [100, 300, 0, 400]
    assert ((drawn[1] >= 0) & (drawn[1] < 4)).all()
    assert (drawn[2] == 2).all()


def test_first_centers_are_different_rows_spread_over_the_blobs() -> None:
    rows = blobs(400, 6, 8, spread=0.01).float()
    rows -= rows.mean(0)
    centers = seed_centers(rows, 8, 5, torch.Generator().manual_seed(0))
    assert centers.shape == (5, 8, 6)
    for start in centers:
        chosen = torch.cdist(start, rows).argmin(1)
        assert torch.equal(rows[chosen], start)
        assert sorted((chosen % 8).tolist()) == list(range(8))
    assert not torch.equal(centers[0], centers[1])


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    for ended in run_ranks(2, save_clusterings, tmp_path, output=tmp_path / "said"):
        assert ended.code == 0, ended.said
    expected = clusterings(World())
    for rank in range(2):
        result = json.loads((tmp_path / f"{rank}.json").read_text())
        assert result.keys() == expected.keys()
        for name, numbers in expected.items():
            assert result[name] == pytest.approx(numbers, rel=1e-10, abs=1e-12), name


def test_half_precision_raises_where_squares_would_overflow() -> None:
    points = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(ValueError, match=r"float32 or float64.*\.float\(\)"):
            nearest_centers(points.to(dtype), points[:3])
    with pytest.raises(ValueError, match="block_rows"):
        kmeans(points, 2, block_rows=0)


def test_the_spread_is_the_distance_to_the_mean() -> None:
    points = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 3
    assert kmeans(points, 4).spread == pytest.approx(float((points - points.mean(0)).square().sum()))
    assert kmeans(points, 1).inertia == pytest.approx(kmeans(points, 1).spread)


def test_an_array_is_no_tensor() -> None:
    with pytest.raises(
        TypeError, match=r"features must be a torch tensor \[N, F\], not ndarray: call torch.as_tensor"
    ):
        kmeans(np.zeros((4, 2)), 2)


def test_what_cannot_be_clustered_raises() -> None:
    points = blobs(5)
    with pytest.raises(ValueError, match="5 points can't make 6 clusters: choose fewer clusters"):
        kmeans(points, 6)
    with pytest.raises(ValueError, match=r"float32 or float64 of shape .* convert them with"):
        kmeans(points.bfloat16(), 2)
    with pytest.raises(ValueError, match="flatten each example's features"):
        kmeans(points[None], 2)
    for bad in (float("nan"), float("inf"), 1e200):
        with pytest.raises(ValueError, match="features and their squares must be finite"):
            kmeans(torch.cat((points, torch.full((1, 20), bad, dtype=torch.float64))), 2)
    with pytest.raises(ValueError, match="there are no points"):
        kmeans(points[:0], 1)
    with pytest.raises(ValueError, match=r"finite numbers of shape \[2, 20\], not of shape \[3, 20\]"):
        kmeans(points, 2, initial=points[:3])
    with pytest.raises(ValueError, match="initial centers must be finite"):
        kmeans(points, 2, initial=torch.full((2, 20), float("nan")))
    with pytest.raises(ValueError, match="must be at least 1"):
        kmeans(points, 2, starts=0)
    with pytest.raises(ValueError, match="must agree in F"):
        nearest_centers(points, torch.zeros(3, 19))
    with pytest.raises(ValueError, match="at least one center"):
        nearest_centers(points, torch.zeros(0, 20))
