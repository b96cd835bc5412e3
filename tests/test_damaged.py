"""Damaged inputs of every kind (tests/processes/damage.py): a sentence each, no traceback, and no process that ends."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import damage
import pytest

MANY, FEWER = 670, 120
"""Inputs of a kind; of those that start a run."""
QUICK = ("npz", "idx-gz", "mat", "stl10-names", "labels.csv", "recipe", "partition-config", "weights-torch")


@pytest.mark.parametrize("kind", QUICK)
def test_a_few_damaged_inputs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYMODE_CACHE", "")  # set by each input, and given back at the end
    assert list(damage.failures(kind, 10_000, 8)) == []


def test_damage_is_the_same_each_time_and_the_kinds_open_as_they_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4
    first, second = (damage.damaged(data, random.Random("a 1"), is_json=False) for _ in range(2))
    assert first == second != data
    for kind in QUICK:
        (tmp_path / kind).mkdir()
        damage.KINDS[kind].read(damage.KINDS[kind].make(tmp_path / kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", damage.KINDS)
def test_damaged_inputs(kind: str) -> None:
    count = FEWER if kind in damage.SLOW else MANY
    ended = subprocess.run(
        [sys.executable, damage.__file__, kind, "0", str(count)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"the process ended with {ended.returncode}: {ended.stderr[-500:]}"
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert found == [], f"{len(found)} of {count}"
