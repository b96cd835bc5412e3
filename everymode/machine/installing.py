"""Commands that install optional dependencies of everymode."""

from __future__ import annotations

from pathlib import Path

__all__ = ["install_command"]

ROOT = Path(__file__).parents[2]
"""Folder that contains the package: a checkout, or site-packages."""


def install_command(extra: str) -> str:
    """Return the command that installs an extra, for a checkout of everymode or for the installed package."""
    project = ROOT / "pyproject.toml"
    if not project.is_file() or 'name = "everymode"' not in project.read_text("utf-8", errors="replace"):
        return f"pip install 'everymode[{extra}]'"
    return f"pip install -e '.[{extra}]'" + ("" if Path.cwd() == ROOT else f" in {ROOT}")
