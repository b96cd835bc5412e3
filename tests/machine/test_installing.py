"""The command that installs an extra fits a checkout and an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from everymode.machine import installing
from everymode.machine.installing import install_command


def test_a_checkout_is_installed_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "ROOT", tmp_path)
    assert install_command("eval") == "pip install 'everymode[eval]'"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert install_command("eval") == "pip install 'everymode[eval]'"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "everymode"\n')
    assert install_command("eval") == f"pip install -e '.[eval]' in {tmp_path}"
    monkeypatch.chdir(tmp_path)
    assert install_command("eval") == "pip install -e '.[eval]'"
