"""Textures: equal mean colors, classes that only the texture tells, draws per row, and rejected arguments."""

from __future__ import annotations

import numpy as np
import pytest

from everymode.data.dataset import Dataset
from everymode.data.opening import open_images
from everymode.data.textures import BLOCK, SPLITS, TEXTURES, draw_texture, textures


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return textures(samples=1024)


def _maps(dataset: Dataset) -> np.ndarray:
    assert dataset.paired is not None
    return np.asarray(dataset.paired.maps)


def test_color_and_contrast_do_not_depend_on_the_class(dataset: Dataset) -> None:
    images, maps = np.asarray(dataset.images).astype(float), _maps(dataset)
    means = np.array([[images[:, c][maps == k].mean() for c in range(3)] for k in range(4)])
    stds = np.array([[images[:, c][maps == k].std() for c in range(3)] for k in range(4)])
    assert np.abs(means - 128).max() < 1
    assert (stds.max(axis=0) - stds.min(axis=0)).max() < 1


def test_random_colors_do_not_depend_on_the_class_either() -> None:
    dataset = textures(samples=1024, colors="random")
    images, maps = np.asarray(dataset.images).astype(float), _maps(dataset)
    means = np.array([[images[:, c][maps == k].mean() for c in range(3)] for k in range(4)])
    assert np.abs(means - 128).max() < 2.5
    assert images[0].std(axis=(1, 2)).min() > 20
    assert images.mean(axis=(2, 3)).std(axis=0).min() > 5


def test_classes_are_equally_frequent_wherever_the_region_is(dataset: Dataset) -> None:
    maps = _maps(dataset)
    shares = np.array(
        [[(maps[:, rows, :] == k).mean() for k in range(4)] for rows in (slice(0, 8), slice(12, 20))]
    )
    assert np.abs(shares - 0.25).max() < 0.03
    areas = np.array([(maps == k).mean(axis=(1, 2)) for k in range(4)])
    spreads = np.sort(areas, axis=1)[:, [256, 512, 768, 900]]
    assert (spreads.max(axis=0) - spreads.min(axis=0)).max() < 0.08
    assert 2 <= np.mean([len(np.unique(each)) for each in maps]) <= 3


def test_neighboring_pixels_tell_the_class(dataset: Dataset) -> None:
    # inside a region, pixels two apart are opposite along stripes' normals, equal along stripes
    images, maps = np.asarray(dataset.images)[:, 0].astype(float) - 128, _maps(dataset)
    across = (maps[:, :, 2:] == maps[:, :, :-2]) & (maps[:, :, 2:] == maps[:, :, 1:-1])
    down = (maps[:, 2:] == maps[:, :-2]) & (maps[:, 2:] == maps[:, 1:-1])
    equal_across = images[:, :, 2:] * images[:, :, :-2] > 0
    equal_down = images[:, 2:] * images[:, :-2] > 0
    shares = [
        (equal_across[across & (maps[:, :, 2:] == k)].mean(), equal_down[down & (maps[:, 2:] == k)].mean())
        for k in range(3)
    ]
    np.testing.assert_allclose(shares, [(1, 0), (0, 1), (0, 0)], atol=0.01)


def test_patterns_by_hand() -> None:
    phases = np.array([[0.0, 0.25]])
    rows, columns = np.array([1, 1, -1, -1.0]), np.array([1, -1, -1, 1.0])
    assert draw_texture(0, phases, (4, 4))[0].tolist() == np.repeat(rows[:, None], 4, 1).tolist()
    assert draw_texture(1, phases, (4, 4))[0].tolist() == np.repeat(columns[None], 4, 0).tolist()
    assert draw_texture(2, phases, (4, 4))[0].tolist() == np.outer(rows, columns).tolist()
    waves = draw_texture(3, np.random.default_rng(0).random((200, 2)), (24, 24))
    assert set(np.unique(waves)) == {-1, 1}
    assert abs(waves.mean()) < 0.02


def test_a_row_depends_on_seed_split_and_number_alone() -> None:
    long, short = textures(samples=BLOCK + 9), textures(samples=5)
    np.testing.assert_array_equal(np.asarray(long.images)[:5], short.images)
    np.testing.assert_array_equal(_maps(long)[:5], _maps(short))
    assert not np.array_equal(np.asarray(long.images)[BLOCK:][:5], short.images)
    others = [textures(samples=5, split=split) for split in SPLITS] + [textures(samples=5, seed=1)]
    assert len({other.fingerprint for other in others}) == 4
    assert others[0].fingerprint == short.fingerprint


def test_the_name_with_options() -> None:
    dataset = open_images("textures:split=test,samples=7,regions=2", resolution=(16, 24))
    assert (len(dataset), dataset.image_shape) == (7, (3, 16, 24))
    facts = dataset.facts()
    assert (facts.map_classes, facts.num_classes, facts.has_edges) == (4, 0, False)
    assert dataset.paired is not None
    assert dataset.paired.class_names == TEXTURES
    assert all(len(np.unique(each)) <= 2 for each in _maps(dataset))
    assert open_images("textures:samples=40", limit=10).gather_condition([9]).shape == (1, 32, 32)


def test_mistakes_are_explained() -> None:
    with pytest.raises(ValueError, match='no split "tests" \\(did you mean "test"'):
        textures(split="tests")
    with pytest.raises(ValueError, match='colors is "red"; choose "same" or "random"'):
        textures(colors="red")
    with pytest.raises(ValueError, match="samples is 0"):
        textures(samples=0)
    with pytest.raises(ValueError, match="regions is 5; it must be 1 to 4"):
        textures(regions=5)
