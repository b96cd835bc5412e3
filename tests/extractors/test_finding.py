"""Extractors by name: built in, from files, of the user's own, and sentences for wrong names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from everymode.extractors import finding as module
from everymode.extractors.finding import extract, find_extractor
from everymode.extractors.random_convolutions import random_convolutions

OWN = """
from __future__ import annotations
from dataclasses import dataclass, replace
from everymode.extractors.random_convolutions import random_convolutions

@dataclass
class Options:
    size: int = 8

def mine():
    return replace(random_convolutions(Options().size), name="mine")

READY = mine()
NUMBER = 3
"""


def test_built_in_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_extractor("random").name == "random-32"
    assert find_extractor("random:64").input_size == (64, 64)
    monkeypatch.setattr(module, "lite0", lambda size: f"lite0 at {size}")
    assert find_extractor("lite0") == "lite0 at 128"
    assert find_extractor("lite0", size=64) == "lite0 at 64"
    assert find_extractor("lite0:224", size=64) == "lite0 at 224"
    monkeypatch.setattr(module, "inception", lambda path: f"inception of {path}")
    assert find_extractor("inception:https://a.b/c.pth") == "inception of https://a.b/c.pth"


@pytest.mark.parametrize("attribute", ["mine", "READY"])
def test_own_extractors_from_files_and_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    (tmp_path / "own_features.py").write_text(OWN)
    found = find_extractor(f"{tmp_path}/own_features.py:{attribute}")
    assert found.metric_name("fd") == "fd-mine"
    monkeypatch.syspath_prepend(tmp_path)
    assert find_extractor(f"own_features:{attribute}").name == "mine"
    assert extract(found, [torch.zeros(2, 3, 8, 8, dtype=torch.uint8)]).features["pool"].shape == (2, 64)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("lite", ValueError, "choose one of lite0"),
        ("", ValueError, "choose one of lite0"),
        ("lite0:big", ValueError, 'not "big"'),
        ("lite0:16", ValueError, "at least 32"),
        ("dinov2", ValueError, "dinov2:PATH"),
        ("inception:nowhere.pth", FileNotFoundError, "nowhere.pth"),
        ("dinov2:nowhere.pth", FileNotFoundError, "nowhere.pth"),
        ("digits", ValueError, "open_data"),
        ("classifier:photos", ValueError, "open_data"),
        ("classifier:", ValueError, "choose one of lite0"),
        ("no_such_module:thing", ValueError, "no_such_module"),
        ("everymode.none:thing", ValueError, "everymode.none"),
        ("a b:c", ValueError, "a b"),
        ("nowhere.py:thing", FileNotFoundError, "nowhere.py"),
        ("everymode.extractors.finding:thing", ValueError, "has no thing"),
        ("everymode.extractors.finding:NAMES", ValueError, "is str"),
    ],
)
def test_wrong_names(name: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        find_extractor(name)


def test_a_missing_import_of_an_own_module_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_more.py").write_text("import no_such_thing_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_at_all"):
        find_extractor("needs_more:x")


def test_classifiers_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def classifier_for(name: str, open_data: object, *, progress: object) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(extractor=random_convolutions)

    monkeypatch.setattr(module, "classifier_for", classifier_for)
    for name in ("digits", "classifier:my/photos:train"):
        assert find_extractor(name, open_data=np.zeros).name == "random-32"
    assert asked == ["digits", "my/photos:train"]
