"""Batches: exact values, mirroring, types; and the same from a memory map as from memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everymode.data.gather import mirrored, normalized
from everymode.data.synthetic import in_memory, ring


def _dataset(count: int = 20):
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 5, 4), dtype=np.uint8)
    return in_memory("noise", images, np.arange(count) % 3, ["a", "b", "c"])


def test_all_256_values_are_exact() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    expected = values.double() / 127.5 - 1
    assert torch.equal(normalized(values, torch.float64), expected)
    torch.testing.assert_close(normalized(values), expected.float(), rtol=0, atol=1e-7)
    ends = normalized(values)[[0, 255]]
    assert ends.tolist() == [-1.0, 1.0]
    assert torch.equal(normalized(values, torch.bfloat16), normalized(values).to(torch.bfloat16))


def test_small_and_large_batches_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.arange(256, dtype=torch.uint8)
    small = normalized(values)
    monkeypatch.setattr("everymode.data.gather.SINGLE_THREAD_VALUES", 0)
    assert torch.equal(normalized(values), small)


def test_rows_come_in_the_order_asked_for() -> None:
    dataset = _dataset()
    indices = np.array([7, 0, 7, 19])
    batch = dataset.gather(indices)
    assert batch.shape == (4, 3, 5, 4)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous()
    expected = torch.from_numpy(np.asarray(dataset.images)[indices].astype(np.float32)) / 127.5 - 1
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-6)


def test_mirror_flips_the_chosen_images_only() -> None:
    dataset = _dataset()
    indices = np.arange(6)
    mirror = torch.tensor([True, False, False, True, True, False])
    plain, flipped = dataset.gather(indices), dataset.gather(indices, mirror=mirror)
    assert torch.equal(flipped[mirror], plain[mirror].flip(-1))
    assert torch.equal(flipped[~mirror], plain[~mirror])
    # gathering has left the data as they were
    assert torch.equal(dataset.gather(indices), plain)


def test_both_ways_to_mirror_agree() -> None:
    images = torch.randint(0, 256, (5, 3, 4, 7), dtype=torch.uint8)
    mirror = torch.tensor([False, True, True, False, True])
    on_device = torch.where(mirror[:, None, None, None], images.flip(-1), images)
    assert torch.equal(mirrored(images.clone(), mirror), on_device)


def test_points_are_not_normalized() -> None:
    dataset = ring(samples=50, radius=5.0)
    batch = dataset.gather(np.array([3, 1]))
    np.testing.assert_array_equal(batch.numpy(), np.asarray(dataset.images)[[3, 1]])
    assert dataset.gather(np.array([0]), dtype=torch.float64).dtype == torch.float64
    with pytest.raises(ValueError, match="points, which can't be mirrored"):
        dataset.gather(np.array([0]), mirror=torch.tensor([True]))


def test_mistakes_are_explained() -> None:
    dataset = _dataset()
    with pytest.raises(IndexError, match=r"rows 0 \.\. 19; requested 3 \.\. 20"):
        dataset.gather(np.array([3, 20]))
    with pytest.raises(IndexError, match="requested -1"):
        dataset.gather(np.array([-1]))
    with pytest.raises(ValueError, match=r"one bool per image, \[2\]"):
        dataset.gather(np.array([0, 1]), mirror=torch.tensor([True]))
    assert dataset.gather(np.array([], np.int64)).shape == (0, 3, 5, 4)
