"""Files of the user's: what is no Python, or imports what there isn't, is a sentence; what they raise is theirs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from everymode.machine.python_files import run_python_file
from everymode.recipes import find

HEAD = "from everymode.recipes.omni_gan import DIGITS\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"x = 1\ny = (\n", r"mine\.py, line \d is not Python: "),
        (b"x = 1\nif x:\nprint(x)\n", r"mine\.py, line 3 is not Python: expected an indented block"),
        (b"x = 1\n\0\n", "null byte"),
        ("x = 'é'\n".encode("latin-1"), r"mine\.py.*(utf-8|unicode)"),
        (b"# coding: martian\n", "martian"),
        (b"x = " + b"(" * 5000, r"mine\.py"),
        (
            b"import os\nimport no_such_module_at_all\n",
            r"mine\.py, line 2: No module named 'no_such_module_at_all'",
        ),
        (b"from everymode.recipes.omni_gan import DIGTS\n", r"mine\.py, line 1: cannot import name 'DIGTS'"),
        (
            HEAD.encode() + b"\nRECIPE = DIGITS.with_numbers(widht=3)\n",
            r"mine\.py, line 3: .*Did you mean width\?",
        ),
        (
            HEAD.encode() + b"from dataclasses import replace\nR = replace(DIGITS, stepz=3)\n",
            r"line 3: .*'stepz'",
        ),
        (
            HEAD.encode() + b"R = DIGITS.with_numbers(\n    steps=0)\n",
            r"line \d: steps must be at least 1, not 0",
        ),
    ],
)
def test_what_is_no_program_is_a_sentence(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "mine.py").write_bytes(text)
    with pytest.raises(ValueError, match=words) as raised:
        find(str(tmp_path / "mine.py"))
    assert "mine.py" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("def f():\n    raise ValueError('mine')\nf()", ValueError),
        ("x = {}['a']", KeyError),
        ("1 / 0", ZeroDivisionError),
        ("int('x')", ValueError),
        ("len(3)", TypeError),
        ("raise ImportError('mine')", ImportError),
    ],
)
def test_what_its_own_code_raises_is_not_touched(tmp_path: Path, text: str, kind: type[Exception]) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(kind) as raised:
        run_python_file(tmp_path / "mine.py", "its_own_code")
    assert raised.traceback[-1].path == tmp_path / "mine.py"


def test_the_module_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 1\n"
    )
    module = run_python_file(tmp_path / "mine.py", "found_by_its_name")
    assert sys.modules.pop("found_by_its_name") is module and module.A().x == 1
    assert module.__file__ == str(tmp_path / "mine.py")
