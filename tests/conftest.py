"""One thread a test process (several at once would fight for the cores), and tests/processes importable: its toy games
serve the tests and the processes that tests start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch is imported, and for child processes

sys.path.insert(0, str(Path(__file__).parent / "processes"))
