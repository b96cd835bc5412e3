"""Running a Python file of the user's. What keeps it from being read, parsed or imported is a sentence with the line;
what its own code raises keeps its traceback.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

__all__ = ["run_python_file"]

_REFUSALS = (ValueError, TypeError)
"""How everymode and dataclasses refuse a number or a field."""


def run_python_file(path: Path, name: str) -> ModuleType:
    """The module that a Python file defines, under `name` in sys.modules, where dataclasses look it up.

    Args:
        path: of a file that exists.

    Raises:
        ValueError: it can't be read or parsed, imports what there isn't, or asks everymode for what it refuses, such
            as a field that a recipe has not; with the line.
        Exception: whatever else its code raises.
    """
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise ValueError(f"{path}{where} is not Python: {error.msg}") from error
    except (ValueError, UnicodeError, MemoryError, RecursionError, OverflowError, OSError) as error:
        said = str(error) or type(error).__name__
        raise ValueError(f"{path} is not a Python file that can be read: {said}") from error
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except (ImportError, *_REFUSALS) as error:
        line = _line_that_was_refused(error, path)
        if line is None:
            raise
        raise ValueError(f"{path}, line {line}: {error}") from error
    return module


def _line_that_was_refused(error: Exception, path: Path) -> int | None:
    """The file's line that asked for what there isn't; None where it is the user's own code that raises."""
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_globals.get("__name__", "").startswith("importlib.")
        and "<frozen" not in frame.f_code.co_filename
    ]
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(path)]
    if not lines:
        return None
    last = frames[-1][0]
    if isinstance(error, ImportError):
        # One that the file raises itself, in words of its own, has no name of what was looked for.
        return lines[-1] if last.f_code.co_filename == str(path) and error.name else None
    asked = str(last.f_globals.get("__name__", "")).split(".")[0]
    if asked in ("everymode", "dataclasses") or "unexpected keyword argument" in str(error):
        return lines[-1]
    return None
