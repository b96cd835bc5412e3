"""What the server of `children` loads before it forks: the costly imports."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import toy_games  # noqa: E402, F401
import torch  # noqa: E402
import torch._dynamo  # noqa: E402

import everymode.run  # noqa: E402, F401

torch.set_num_threads(1)
