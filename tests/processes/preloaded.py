"""What the server of `children` loads before it forks: the costly imports."""

from __future__ import annotations

import os
from importlib import import_module

os.environ["OMP_NUM_THREADS"] = "1"
for name in ("torch._dynamo", "everymode.runs.run", "toy_games", "train_digits"):
    import_module(name)
import_module("torch").set_num_threads(1)
import_module("quick").quick_runs(import_module("pytest").MonkeyPatch())
