"""The reservoir: fair, seeded, bounded, and blind to how the stream was cut."""

from __future__ import annotations

import pytest
import torch

from everymode.evaluation.reservoir import Reservoir, random_rows


def fed(total, capacity, sizes, seed=0):
    reservoir, start = Reservoir(capacity, seed), 0
    values = torch.arange(total, dtype=torch.float32)[:, None] * 2
    while start < total:
        for size in sizes:
            part = values[start : start + size]
            if len(part):
                reservoir.offer({"features": part})
            start += size
    return reservoir


def test_all_rows_are_kept_in_order_where_they_fit():
    kept = fed(50, 100, [7]).kept()
    assert kept["rows"].tolist() == list(range(50))
    assert torch.equal(kept["features"][:, 0], 2.0 * torch.arange(50))


def test_the_choice_depends_on_the_seed_and_not_on_the_batches():
    first, second = fed(1000, 60, [64]).kept(), fed(1000, 60, [1, 250, 13]).kept()
    assert torch.equal(first["rows"], second["rows"])
    assert torch.equal(first["features"][:, 0], 2.0 * first["rows"])
    assert torch.equal(first["rows"], random_rows(60, 1000, 0))
    assert len(first["rows"].unique()) == 60
    assert (first["rows"].diff() > 0).all()
    assert not torch.equal(first["rows"], fed(1000, 60, [64], seed=1).kept()["rows"])


def test_every_row_is_equally_likely():
    counts = torch.zeros(40)
    for seed in range(400):
        counts[random_rows(10, 40, seed)] += 1
    # Binomial(400, 1/4): mean 100, std 8.7
    assert counts.min() > 65
    assert counts.max() < 135
    assert abs(counts[:20].sum() - counts[20:].sum()) < 250


def test_no_more_is_held_than_a_quarter_above_the_capacity():
    reservoir = Reservoir(80)
    for start in range(0, 20_000, 50):
        reservoir.offer({"x": torch.arange(start, start + 50)})
        assert sum(len(part["x"]) for part in reservoir._held) <= 100
    assert torch.equal(reservoir.kept()["x"], reservoir.kept()["rows"])


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="at least 1"):
        Reservoir(0)
    with pytest.raises(ValueError, match="same number"):
        Reservoir(5).offer({"a": torch.zeros(2), "b": torch.zeros(3)})
