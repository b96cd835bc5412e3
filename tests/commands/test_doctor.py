"""The doctor answers every question, whatever is broken."""

from __future__ import annotations

import importlib.metadata

from everymode import __version__
from everymode.cli import main
from everymode.commands import doctor
from everymode.machine.installing import install_command


def test_the_findings_name_versions_devices_extras_and_disk():
    found = dict(doctor.findings())
    assert found["everymode"].startswith(__version__)
    assert importlib.metadata.version("torch") in found["torch"]
    assert f"numpy {importlib.metadata.version('numpy')}" in found["packages"]
    assert "torch threads" in found["cpu"]
    assert {"gpu", "bf16", "compiler", "extra parquet", "extra eval", "extra track"} <= set(found)
    assert "GiB free" in found["cache"]
    assert not [sentence for sentence in found.values() if "check failed" in sentence]


def test_a_missing_extra_comes_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(doctor._EXTRAS, "parquet", ("no_such_module_here", "opens tables"))
    found = dict(doctor.findings())["extra parquet"]
    assert found.endswith(f"(opens tables): {install_command('parquet')}")


def test_a_mere_folder_is_no_extra(monkeypatch, tmp_path):
    (tmp_path / "a_folder_of_that_name").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(doctor._EXTRAS, "parquet", ("a_folder_of_that_name", "opens tables"))
    assert dict(doctor.findings())["extra parquet"].startswith("missing (opens tables)")


def test_a_question_that_fails_leaves_the_others(monkeypatch, capsys):
    def broken():
        raise OSError("no such device")

    monkeypatch.setattr(doctor, "_gpus", broken)
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "check failed (OSError: no such device)" in shown
    assert "GiB free" in shown


def test_without_a_compiler_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "CXX=no-such-compiler is missing" in dict(doctor.findings())["compiler"]
