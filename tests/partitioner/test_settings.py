"""Settings: errors, and the round trip through JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from everymode.partitioner.settings import DIGITS, IMAGES, PAPER, POINTS, PartitionSettings


@pytest.mark.parametrize("settings", [DIGITS, IMAGES, PAPER, POINTS])
def test_through_json_and_back(settings):
    assert PartitionSettings.from_json(json.loads(json.dumps(settings.as_json()))) == settings


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"k": 1}, "at least 2 parts"),
        ({"pretext_batch": 1}, "each view is compared with other images"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"mean_entropy_weight": float("nan")}, "mean_entropy_weight can't be negative"),
        ({"gray": 1.5}, "share between 0 and 1"),
        ({"crop": 0.0}, "share of the area"),
        ({"norm_limit": 1.0}, "below 1"),
        ({"blocks": ()}, "number for each stage"),
        ({"starts": 0}, "starts must be at least 1"),
    ],
)
def test_impossible_numbers_raise(numbers, message):
    with pytest.raises(ValueError, match=message):
        replace(IMAGES, **numbers)


def test_another_versions_fields_are_named():
    with pytest.raises(ValueError, match="no settings \\['color'\\]"):
        PartitionSettings.from_json({"k": 3, "color": 1})
