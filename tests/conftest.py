"""One thread a test process (several at once would fight for the cores), and tests/processes importable: its toy games
serve the tests and the processes that tests start. Runs do not render their curves, but where a test asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch is imported, and for child processes

sys.path.insert(0, str(Path(__file__).parent / "processes"))


@pytest.fixture(scope="session", autouse=True)
def _unrendered_curves() -> Iterator[None]:
    from unrendered import PLACE, unrendered_curves

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PLACE, unrendered_curves)
        yield


@pytest.fixture
def rendered_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs render their curves, as they do outside of tests."""
    from unrendered import PLACE, save_curves

    monkeypatch.setattr(PLACE, save_curves)
