"""One thread a test process (several at once would fight for the cores), and tests/processes importable: its toy games
serve the tests and the processes that tests start. All tests share one cache, which is not the user's. Runs do not
render their curves, but where a test asks for it.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from everymode.extractors.classifiers import Classifier

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch is imported, and for child processes

sys.path.insert(0, str(Path(__file__).parent / "processes"))

_CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers inherit it
        config.stash[_CACHE] = os.environ["EVERYMODE_CACHE"] = tempfile.mkdtemp(prefix="everymode-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _CACHE in config.stash:
        shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay until the end: searching them for garbage would take a third of the collection.

    Nor is what the tests make searched after every 700 objects, which would be a twentieth of their time.
    """
    gc.disable()
    result = yield
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()
    return result


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share the longest fixture come first, and so to one worker, which makes it once."""
    items.sort(key=lambda item: "trained_digits" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _quick_runs() -> Iterator[None]:
    from quick import quick_runs

    with pytest.MonkeyPatch.context() as patch:
        quick_runs(patch)
        yield


@pytest.fixture
def rendered_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs render their curves, as they do outside of tests."""
    from quick import CURVES, save_curves

    monkeypatch.setattr(CURVES, save_curves)


@pytest.fixture(scope="session")
def trained_digits() -> Classifier:
    """The classifier of the digits, in the cache of all tests, since training it takes seconds."""
    from everymode.data.opening import open_images
    from everymode.extractors.classifiers import classifier_for

    return classifier_for("digits", open_images)
