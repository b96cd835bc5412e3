"""Names from before the package had rooms: each gives what has the new name, with a warning."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

import everymode
from everymode import evaluation, metrics
from everymode.old_names import GONE, MODULES, NAMES
from everymode.partitioner import partition_terms


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing had been imported by an old name."""
    for old in MODULES:
        monkeypatch.delitem(sys.modules, old, raising=False)
        package, _, name = old.rpartition(".")
        if package not in MODULES:
            monkeypatch.delitem(vars(import_module(package)), name, raising=False)


@pytest.mark.filterwarnings("ignore:everymode.metrics.extractors is called:DeprecationWarning")
@pytest.mark.parametrize("old", MODULES)
def test_an_old_module_is_the_new_one(old: str, fresh: None) -> None:
    new = import_module(MODULES[old])
    spec = new.__spec__
    with pytest.warns(DeprecationWarning, match=f"{old} is called {MODULES[old]} now"):
        assert import_module(old) is new
    assert (new.__name__, new.__spec__) == (MODULES[old], spec)


@pytest.mark.parametrize("old", NAMES)
def test_an_old_name_of_a_package_is_the_new_one(old: str) -> None:
    home, _, name = NAMES[old].rpartition(".")
    package, _, before = old.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{old} is called {NAMES[old]} now") as caught:
        assert getattr(import_module(package), before) is getattr(import_module(home), name)
    assert caught[0].filename == __file__


def test_every_way_to_import_an_old_module_blames_who_does(fresh: None) -> None:
    for statement in (
        "import everymode.rejection",
        "from everymode.generator import Generator",
        "from everymode import checkpoint",
        "from everymode.metrics import score_card",
        "import everymode; everymode.trainer",
    ):
        with pytest.warns(DeprecationWarning) as caught:
            exec(compile(statement, "theirs.py", "exec"), {})
        assert caught[0].filename == "theirs.py", statement


def test_a_module_below_an_old_package_is_not_loaded_twice(fresh: None) -> None:
    with pytest.warns(DeprecationWarning):
        import everymode.metrics.extractors.resizing as old
    import everymode.extractors.resizing as new

    assert old.ResizeRule is new.ResizeRule


def test_other_names_are_as_unknown_as_ever() -> None:
    for name in ("everymode.nothing", "everymode.metrics.nothing", "everymode.metrics.extractors_of"):
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
            import_module(name)
    for package in (everymode, metrics):
        with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
            package.nothing  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from everymode.metrics import nothing")


def test_new_names_are_not_old_ones_and_looking_for_one_loads_nothing() -> None:
    assert not {*MODULES, *NAMES} & {*MODULES.values(), *NAMES.values()}
    assert find_spec("everymode.doctor") is not None
    code = (
        "import sys, everymode; from everymode.old_names import MODULES; "
        "print([name for name in MODULES.values() if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_old_keywords_are_taken_with_a_warning() -> None:
    anchors, neighbors = torch.eye(2), 1 - torch.eye(2)
    with pytest.warns(
        DeprecationWarning, match="neighbour_logits=...\\) is called neighbor_logits=... now"
    ) as caught:
        old = partition_terms(anchors, neighbour_logits=neighbors)
    assert caught[0].filename == __file__
    assert old == partition_terms(anchors, neighbor_logits=neighbors)
    with pytest.raises(TypeError, match="neighbour_logits is the old name of neighbor_logits"):
        partition_terms(anchors, neighbor_logits=neighbors, neighbour_logits=neighbors)


@pytest.mark.parametrize(
    "name", ["evaluate", "evaluate_generator", "memorization", "prepare_reference", "truncation_curve"]
)
def test_evaluations_take_the_old_keyword_talk(name: str) -> None:
    with pytest.raises(TypeError, match="talk is the old name of verbose"):
        getattr(evaluation, name)(talk=False, verbose=False)


@pytest.mark.parametrize("name", sorted(GONE))
def test_modules_that_are_gone_say_what_took_their_place(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="recipes consist of parts"):
        import_module(name)
