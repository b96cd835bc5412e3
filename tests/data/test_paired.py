"""Paired rows: gathering, mirroring, selection, counting of classes, fingerprints, and rejected arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from everymode.data import rows as rows_module
from everymode.data.dataset import Dataset
from everymode.data.hiding import hide_labels
from everymode.data.holding_out import hold_out
from everymode.data.joining import union
from everymode.data.paired import Paired, count_map_classes
from everymode.data.rows import RowsView, select_rows
from everymode.data.synthetic import in_memory, with_channels

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6), dtype=np.uint8)
MAPS = np.random.default_rng(1).integers(0, 3, (5, 4, 6), dtype=np.uint8)
MAPS[0, 0, :2] = (255, 2)
EDGES = np.random.default_rng(2).integers(0, 2, (5, 4, 6), dtype=np.uint8)
PICTURES = np.random.default_rng(3).integers(0, 256, (5, 3, 2, 3), dtype=np.uint8)
MIRROR = torch.tensor([True, False, True])


def _dataset(paired: Paired) -> Dataset:
    return in_memory("five", IMAGES, np.zeros(5, np.int64), ["a"]).with_paired(paired)


def test_maps_and_edges_move_with_their_images() -> None:
    dataset = _dataset(Paired(MAPS, EDGES))
    rows = [4, 0, 0]
    maps, edges = dataset.gather_condition(rows, mirror=MIRROR, dtype=torch.float64)
    assert maps.dtype == torch.int64
    assert edges.dtype == torch.float64
    assert maps.tolist() == [MAPS[4, :, ::-1].tolist(), MAPS[0].tolist(), MAPS[0, :, ::-1].tolist()]
    assert edges.tolist() == [EDGES[4, :, ::-1].tolist(), EDGES[0].tolist(), EDGES[0, :, ::-1].tolist()]
    assert maps[1, 0, 0] == 255
    facts = dataset.facts()
    assert (facts.map_classes, facts.has_edges, facts.scale) == (3, True, 0)


def test_pictures_are_normalized_and_mirrored() -> None:
    dataset = _dataset(Paired(pictures=PICTURES))
    low = dataset.gather_condition([1, 2, 3], mirror=MIRROR)
    assert isinstance(low, torch.Tensor)
    wanted = PICTURES[1:4].astype(np.float64) / 127.5 - 1
    wanted[[0, 2]] = wanted[[0, 2], ..., ::-1]
    torch.testing.assert_close(low, torch.from_numpy(wanted).float())
    assert (dataset.facts().scale, dataset.facts().map_classes) == (2, 0)


def test_without_pairs_the_condition_is_the_labels() -> None:
    dataset = in_memory("five", IMAGES, np.arange(5), list("abcde"))
    assert dataset.gather_condition([3, 1]).tolist() == [3, 1]
    assert dataset.facts().map_classes == 0
    assert not dataset.facts().has_edges


def test_subsets_carry_their_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "COPY_BYTES", 0)
    dataset = _dataset(Paired(MAPS, EDGES))
    part = dataset.subset([3, 0])
    assert part.paired is not None
    assert isinstance(part.paired.maps, RowsView)
    assert part.paired.num_classes == 3
    maps, _ = part.gather_condition([1, 0])
    assert maps.tolist() == MAPS[[0, 3]].tolist()
    training, unseen = hold_out(dataset, 0.4, seed=0)
    assert unseen is not None
    assert len(unseen.gather_condition([0, 1])[0]) == 2
    assert training.facts().map_classes == 3
    assert hide_labels(dataset, 0.5).paired is dataset.paired


def test_the_fingerprint_covers_the_pairs() -> None:
    other = MAPS.copy()
    other[4, 3, 5] = (other[4, 3, 5] + 1) % 3
    fingerprints = {
        _dataset(paired).fingerprint
        for paired in (Paired(MAPS), Paired(other), Paired(MAPS, EDGES), Paired(MAPS, num_classes=4))
    }
    assert len(fingerprints) == 4
    assert _dataset(Paired(MAPS)).fingerprint == _dataset(Paired(MAPS.copy())).fingerprint
    gray = with_channels(_dataset(Paired(MAPS)), 1)
    assert gray.paired is not None
    assert gray.fingerprint != with_channels(_dataset(Paired(other)), 1).fingerprint


@settings(max_examples=30, deadline=None)
@given(maps=arrays.arrays(np.uint8, st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(1, 3))))
def test_classes_are_counted_without_void(maps: np.ndarray) -> None:
    used = maps[maps != 255]
    assert count_map_classes(maps) == (int(used.max()) + 1 if used.size else 0)


def test_unions_join_pairs_that_are_alike() -> None:
    first, second = _dataset(Paired(MAPS, EDGES)), _dataset(Paired(MAPS[::-1].copy(), EDGES, num_classes=7))
    both = union([first, second])
    maps, _ = both.gather_condition([0, 5])
    assert maps.tolist() == [MAPS[0].tolist(), MAPS[4].tolist()]
    assert both.facts().map_classes == 7
    with pytest.raises(ValueError, match="pairs are alike"):
        union([first, _dataset(Paired(MAPS))])
    with pytest.raises(ValueError, match="pairs are alike"):
        union([first, in_memory("five", IMAGES, np.zeros(5, np.int64), ["a"])])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither are given"),
        ({"maps": MAPS, "pictures": PICTURES}, "both are given"),
        ({"pictures": PICTURES, "edges": EDGES}, "belong to maps"),
        ({"maps": MAPS.astype(np.int64)}, r"maps are int64 \[5, 4, 6\]; give uint8 \[N, H, W\]"),
        ({"maps": MAPS[:, None]}, r"give uint8 \[N, H, W\]"),
        ({"maps": MAPS, "edges": EDGES[:4]}, "one edge map of the same size"),
        ({"maps": MAPS, "num_classes": 2}, "holds class 2, but num_classes is 2; give at least 3"),
        ({"maps": MAPS, "class_names": ("a", "b")}, "2 class names for 3 classes"),
        ({"pictures": MAPS}, r"give uint8 \[N, C, h, w\]"),
    ],
)
def test_wrong_rows_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Paired(**arguments)


@pytest.mark.parametrize(
    ("paired", "message"),
    [
        (Paired(MAPS[:4]), "5 images but 4 paired rows"),
        (Paired(MAPS[:, :, :5]), "images are 4x6 and maps 4x5"),
        (Paired(pictures=PICTURES[..., :2]), "larger by one whole factor"),
        (Paired(pictures=np.zeros((5, 3, 8, 12), np.uint8)), "larger by one whole factor"),
    ],
)
def test_rows_that_do_not_fit_the_images_are_rejected(paired: Paired, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _dataset(paired)


def test_wrong_requests_are_rejected() -> None:
    dataset = _dataset(Paired(MAPS))
    with pytest.raises(IndexError, match=r"0 \.\. 4"):
        dataset.gather_condition([5])
    with pytest.raises(ValueError, match=r"one bool per row, \[2\]"):
        dataset.gather_condition([0, 1], mirror=MIRROR)
    points = in_memory("two", np.zeros((2, 2), np.float32), np.zeros(2, np.int64), ["a"])
    with pytest.raises(ValueError, match="holds points"):
        points.with_paired(Paired(MAPS[:2]))


def test_rows_of_a_view_are_read_by_number() -> None:
    view = RowsView([MAPS], np.zeros(3, np.int64), np.array([4, 2, 0]))
    assert np.array_equal(view[-1], MAPS[0])
    assert [row.tolist() for row in view] == MAPS[[4, 2, 0]].tolist()
    with pytest.raises(IndexError, match=r"0 \.\. 2; requested 3"):
        view[3]
    nested = RowsView([view], np.zeros(2, np.int64), np.array([1, 0]))
    assert np.array_equal(nested[:], MAPS[[2, 4]])
    assert np.array_equal(select_rows(nested, np.array([1])), MAPS[[4]])
