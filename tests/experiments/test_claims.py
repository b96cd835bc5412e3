"""The table of the papers' claims: every row has a verdict, and its page and section exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
VERDICTS = {"shown", "not shown", "opposite", "untested"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (RESULTS / "README.md").read_text().splitlines()
    if line.startswith("|") and line.count("|") == 7 and not line.startswith(("|---", "| claim"))
]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown writes them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def test_every_paper_has_its_claims() -> None:
    assert len(ROWS) >= 40
    text = (RESULTS / "README.md").read_text()
    for paper in (
        "Omni-GAN",
        "Multi-hinge GAN",
        "Self-Conditioned GAN",
        "Partition-Guided GAN",
        "Sparsity-Aware",
    ):
        assert f"### {paper}" in text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_has_a_verdict_and_a_page(row: list[str]) -> None:
    _, verdict, _, length, seeds, page = row
    assert verdict in VERDICTS
    assert (verdict == "untested") == (seeds == "0") == (length == "0")
    target = re.fullmatch(r"\[[^]]+\]\(([^)#]+)(?:#([^)]+))?\)", page)
    assert target or (page == "-" and verdict == "untested")
    if target:
        path = RESULTS / target[1]
        assert path.is_file() and (target[2] is None or target[2] in anchors(path))
