"""Makes tests/processes importable: its toy games serve the tests and the processes that tests start."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "processes"))
