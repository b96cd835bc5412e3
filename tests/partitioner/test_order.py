"""Rows of each step's batch."""

from __future__ import annotations

import numpy as np

from everymode.partitioner.order import rows_of_step


def test_every_image_comes_once_before_any_comes_again():
    steps = [rows_of_step(step, 4, 10, seed=0, stage="a") for step in range(10)]
    rows = np.concatenate(steps).reshape(4, 10)
    assert all(sorted(each) == list(range(10)) for each in rows.tolist())
    assert rows[0].tolist() != rows[1].tolist()


def test_batches_larger_than_the_data():
    assert np.bincount(rows_of_step(1, 25, 10, seed=0, stage="a"), minlength=10).tolist().count(0) == 0


def test_seed_and_stage_count():
    first = rows_of_step(0, 10, 10, seed=0, stage="a").tolist()
    assert first != rows_of_step(0, 10, 10, seed=1, stage="a").tolist()
    assert first != rows_of_step(0, 10, 10, seed=0, stage="b").tolist()
