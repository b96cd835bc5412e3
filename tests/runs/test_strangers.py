"""A run folder, a card or a partition from a stranger: nothing in it names code to run or an address to fetch."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import everymode
from everymode.cli import main
from everymode.data import open_images
from everymode.evaluation.score_card import read_card
from everymode.extractors.naming import names_code
from everymode.machine.stopping import StopRequest
from everymode.partitioner.network import linear_partitioner
from everymode.partitioner.saving import load_partitioner, save_partitioner
from everymode.recipes.partition_learning import settings_of
from everymode.runs.planning import plan_of
from everymode.storage.checkpoint import read_state
from everymode.training.preparation import Preparation

SMALL = {"steps": 1, "width": 4, "batch_size": 8, "watch_samples": 0, "metric_images": 10, "device": "cpu"}
EXTRACTOR = """
from pathlib import Path
Path(__file__).with_suffix(".ran").touch()
from everymode.extractors import find_extractor

def mine():
    return find_extractor("random:8")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("strangers")
    scores = {"metrics": "fd", "metric_extractor": "random:8"}
    return everymode.train("omni-gan-digits", out=out, quiet=True, **SMALL, **scores).folder


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Python file that leaves a mark when it is run; whatever fetches an address fails."""

    def fetched(*arguments: object, **options: object) -> None:
        (tmp_path / "trap.ran").touch()
        raise OSError("a test was about to fetch an address")

    monkeypatch.setattr("urllib.request.urlopen", fetched)
    monkeypatch.setattr("socket.create_connection", fetched)
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "trap.py").write_text(EXTRACTOR)
    yield tmp_path / "trap.py"
    sys.modules.pop("trap", None)


def ran(trap: Path) -> bool:
    return trap.with_suffix(".ran").exists()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside nested JSON: of objects and lists too."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        yield from places(each, (*path, name))


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = with_value(value[path[0]], path[1:], new)
    return changed


def poisoned(file: Path, trap: Path, most: int = 25) -> Iterator[tuple[Any, ...]]:
    """Write the file once for each of its places, or for so many of them, with a name of code there."""
    content = json.loads(file.read_text())
    every = list(places(content))
    for place in every[:: len(every) // most + 1]:
        file.write_text(json.dumps(with_value(content, place, f"{trap}:mine")))
        yield place
    file.write_text(json.dumps(content, indent=1))  # as it was, to the byte


@pytest.mark.parametrize(
    "name", ["{trap}:mine", "trap:mine", "digits:mine", "inception:HTTPS://a.b/c.pt", "dinov2:ftp://a"]
)
def test_a_run_is_not_asked_what_to_import_or_fetch(
    trained: Path, trap: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(trained, trap.parent / "run")
    shutil.copy(trap, trap.parent / "digits.py")
    config = json.loads((run / "config.json").read_text())
    named = name.format(trap=trap)
    config["recipe"]["numbers"]["metric_extractor"] = named
    (run / "config.json").write_text(json.dumps(config))
    assert main(["train", "--resume", str(run), "--steps", "2", "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert f"used only if you name it yourself, with --metric-extractor {named}" in said
    for recipe in ("omni-gan-digits", everymode.recipes.find("omni-gan-digits")):
        with pytest.raises(ValueError, match="code or an address"):
            everymode.train(recipe, resume=run, quiet=True, steps=2)
    everymode.load(run).sample(1)
    assert not ran(trap) and not (trap.parent / "digits.ran").exists()


def test_ones_own_extractor_is_used_when_it_is_named_again(trained: Path, trap: Path) -> None:
    own = {"metrics": "fd", "metric_extractor": f"{trap}:mine"}
    run = everymode.train("omni-gan-digits", out=trap.parent / "runs", quiet=True, **SMALL, **own).folder
    trap.with_suffix(".ran").unlink()
    go_on = [
        "train",
        "--resume",
        str(run),
        "--steps",
        "2",
        "--device",
        "cpu",
        "--quiet",
        "--metric-extractor",
    ]
    assert main([*go_on, "random:8"]) == 0 and not ran(trap)
    assert main([*go_on[:4], "3", *go_on[5:], own["metric_extractor"]]) == 0 and ran(trap)
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 3


def test_no_field_of_a_run_or_of_a_checkpoint_names_code(
    trained: Path, trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(trained, trap.parent / "run")
    checkpoint = run / "checkpoints" / "step-0000001"

    def read_all(file: Path, read: Callable[[], object]) -> None:
        for place in poisoned(file, trap):
            with suppress(ValueError):
                read()
            assert not ran(trap), (file, place)

    read_all(run / "config.json", lambda: plan_of("omni-gan-digits", None, run, {}))
    read_all(checkpoint / "config.json", lambda: everymode.load(checkpoint))
    read_all(checkpoint / "manifest.json", lambda: read_state(checkpoint))
    assert read_state(checkpoint), "the files are as they were"
    monkeypatch.setattr(
        "everymode.storage.checkpoint.verify", lambda path: None
    )  # a stranger's checksums are right
    read_all(checkpoint / "state" / "state.json", lambda: read_state(checkpoint))


def test_the_numbers_of_a_run_that_are_text_name_no_code_while_it_trains(trained: Path, trap: Path) -> None:
    run = shutil.copytree(trained, trap.parent / "run")
    config = json.loads((run / "config.json").read_text())
    numbers = config["recipe"]["numbers"]
    texts = [name for name, value in numbers.items() if isinstance(value, str)]
    for steps, name in enumerate(texts, 2):
        poison = {**numbers, name: f"{trap}:mine"}
        (run / "config.json").write_text(
            json.dumps({**config, "recipe": {**config["recipe"], "numbers": poison}})
        )
        with suppress(ValueError):
            everymode.train("omni-gan-digits", resume=run, steps=steps, quiet=True, device="cpu")
        assert not ran(trap), name


@pytest.mark.parametrize(
    ("place", "new", "words"),
    [
        ("recipe.numbers.name", ..., "lacks recipe.numbers.name"),
        ("data", ..., "lacks data.source"),
        ("data.source", ["x"], "data.source is a list, not text"),
        ("data.classes", ["0", 1], r"data.classes\[\] is 1, not text"),
        ("recipe.numbers.steps", "many", "steps must be of type int, not 'many'"),
        ("recipe.numbers.class_counts", [1, {}], r"class_counts is a list that contains \{\}"),
        ("recipe.numbers.batch_size", 2**70, "batch_size is 1180591620717411303424; it must be between"),
        ("recipe.parts.norm", "spectral", "its recipe is incomplete"),
        ("recipe.parts.networks", ..., "its recipe has no networks, loss or labels"),
        ("format", 1.5, "format is 1.5, not a whole number"),
    ],
)
def test_what_a_damaged_config_lacks_is_named(
    trained: Path, tmp_path: Path, place: str, new: object, words: str
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    *path, last = place.split(".")
    holder = config
    for name in path:
        holder = holder[name]
    holder.pop(last) if new is ... else holder.update({last: new})
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=words) as raised:
        everymode.train("omni-gan-digits", resume=run, quiet=True, device="cpu")
    assert str(run) in str(raised.value)


def test_no_field_of_a_card_or_of_a_partition_names_code(trained: Path, trap: Path) -> None:
    card = shutil.copy(next((trained / "evaluations").glob("*.json")), trap.parent / "card.json")
    for place in poisoned(Path(card), trap):
        with suppress(ValueError):
            read_card(card)
        assert not ran(trap), place
    save_partitioner(linear_partitioner(3), trap.parent / "parts", {"settings": {"k": 3}})
    for place in poisoned(trap.parent / "parts" / "config.json", trap):
        with suppress(ValueError):
            load_partitioner(trap.parent / "parts")
        assert not ran(trap), place


@pytest.mark.parametrize(
    "text", ["{", "[1]", "{}", '{"settings": [], "layout": {}}', '{"settings": {"k": "x"}}', "\\ud800"]
)
def test_a_damaged_partition_is_named_by_the_recipe_that_is_given_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    facts = open_images("digits:train").facts()
    with pytest.raises(ValueError, match=r"config\.json is damaged, or not the file of a partition"):
        settings_of(tmp_path, facts, None)


def test_what_a_run_has_kept_is_named_where_it_is_damaged(tmp_path: Path) -> None:
    preparation = Preparation(tmp_path, torch.device("cpu"), StopRequest(), print, False)
    preparation.keep(nn.Linear(2, 3), "kept.safetensors")
    with pytest.raises(ValueError, match=r"kept\.safetensors is damaged, or of another run.*delete it"):
        preparation.recall(nn.Linear(3, 3), "kept.safetensors")
    (tmp_path / "kept.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(ValueError, match=r"kept\.safetensors is damaged"):
        preparation.recall(nn.Linear(2, 3), "kept.safetensors")


def test_which_names_lead_outside() -> None:
    assert not any(
        map(names_code, ("lite0", "lite0:64", "random:8", "digits", "inception:/a/b.pt", "classifier:x:y"))
    )
    assert all(
        map(names_code, ("a.py:b", "a.b:c.d", "digits:x", "lite:0", "inception:http://x", "dinov2:File:///x"))
    )
