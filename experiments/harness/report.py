"""The final report of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def report(title: str, facts: Sequence[str], text: str, out: Path) -> None:
    """Print the table, and write it with its conditions to report.md in the set's folder."""
    whole = "\n".join([f"# {title}", "", *[f"- {fact}" for fact in facts], "", text, ""])
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(whole)
    print("\n" + whole)
