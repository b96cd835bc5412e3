"""The record of an extractor: names of metrics, facts, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.resizing import BICUBIC


def extractor(**changes: Any) -> Extractor:
    values = {
        "name": "net-8",
        "weights_hash": "ab",
        "input_size": (8, 8),
        "resize": BICUBIC,
        "layers": {"pool": 4, "early": 2},
        "network": lambda images: Activations({"pool": images.mean((2, 3))}),
    }
    return Extractor(**(values | changes))


def test_metric_names() -> None:
    plain = extractor()
    assert plain.metric_name("fd") == plain.metric_name("fd", "pool") == "fd-net-8"
    assert plain.metric_name("kd", "early") == "kd-net-8-early"
    with pytest.raises(ValueError, match="pool, early"):
        plain.metric_name("fd", "late")
    known = extractor(published_names={"fd": "fid"})
    assert known.metric_name("fd") == "fid"
    assert known.metric_name("fd", "early") == "fd-net-8-early"
    assert known.metric_name("kd") == "kd-net-8"


def test_facts_are_ready_for_json() -> None:
    facts = json.loads(json.dumps(extractor().facts()))
    assert facts["resize"] == "bicubic-antialiased"
    assert facts["layers"] == {"pool": 4, "early": 2}
    assert facts["input_size"] == [8, 8] and facts["weights_hash"] == "ab"


@pytest.mark.parametrize("change", [{"layers": {}}, {"channels": 4}, {"input_size": (0, 8)}])
def test_records_without_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="net-8"):
        extractor(**change)
