"""Entry point of `python -m everymode` and `torchrun -m everymode`."""

from __future__ import annotations

import sys

from everymode.cli import main

if __name__ == "__main__":
    sys.exit(main())
