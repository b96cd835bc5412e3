"""Makes tests/processes importable: its toy games serve both the tests and the scripts that tests start as processes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "processes"))
