"""Flags that every experiment has, and the cases that they select."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.harness.results import Case


def parser(description: str | None, *, out: str) -> argparse.ArgumentParser:
    """Return a parser with the flags that every experiment has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--budget", type=float, default=1.0, help="share of each recipe's steps (default: all)")
    made.add_argument("--seeds", type=int, default=3, help="number of seeds (default: 3)")
    made.add_argument("--processes", type=int, default=2, help="runs at a time, one thread each (default: 2)")
    made.add_argument("--out", type=Path, default=Path(f"runs/{out}"), help="folder of the set")
    made.add_argument("--only", default="", help="cases whose name contains one of these words (a,b,c)")
    return made


def listed(*choices: str) -> Callable[[str], list[str]]:
    """Return a converter of a flag's value "a,b" to ["a", "b"], for argparse; each must be one of `choices`."""

    def convert(text: str) -> list[str]:
        words = [word.strip() for word in text.split(",") if word.strip()]
        wrong = [word for word in words if word not in choices]
        if wrong or not words:
            named = ", ".join(wrong) or "nothing"
            raise argparse.ArgumentTypeError(
                f"{named}: choose some of {', '.join(choices)}, joined by commas"
            )
        return words

    return convert


def chosen(cases: Sequence[Case], only: str) -> list[Case]:
    """Return the cases that `--only` names; a case's complete name selects that case alone.

    Raises:
        ValueError: if there are none.
    """
    whole = set()
    for name in sorted((case.name for case in cases), key=len, reverse=True):  # names may have commas too
        found_whole = re.compile(rf"(^|,)\s*{re.escape(name)}\s*(?=,|$)")
        if found_whole.search(only):
            whole.add(name)
            only = found_whole.sub("", only)
    words = [*whole, *(word.strip() for word in only.split(",") if word.strip())]
    parts = [word for word in words if word not in whole]
    found = [
        case for case in cases if not words or case.name in whole or any(part in case.name for part in parts)
    ]
    if not found:
        raise ValueError(f"no case has any of {words} in its name: {', '.join(case.name for case in cases)}")
    return found
