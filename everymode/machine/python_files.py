"""Execution of a user's Python file.

If the file can't be read, parsed or imported, the error is one line with the line number; exceptions of the user's code
keep their traceback.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

__all__ = ["run_python_file"]

_REJECTIONS = (ValueError, TypeError)
"""Exceptions by which everymode and dataclasses reject a value or a field."""


def run_python_file(path: Path, name: str) -> ModuleType:
    """Run a Python file and return its module, which is registered as `name` in sys.modules (dataclasses need that).

    Args:
        path: an existing file.
        name: name of the module.

    Raises:
        ValueError: if the file can't be read or parsed, imports something that doesn't exist, or passes everymode a
            value that it rejects, such as a field that recipes don't have. The message has the line number.
        Exception: any other exception of the file's code.
    """
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise ValueError(f"{path}{where} is not Python: {error.msg}") from error
    except (ValueError, UnicodeError, MemoryError, RecursionError, OverflowError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} can't be read as a Python file: {reason}") from error
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except (ImportError, *_REJECTIONS) as error:
        line = _rejected_line(error, path)
        if line is None:
            raise
        raise ValueError(f"{path}, line {line}: {error}") from error
    return module


def _rejected_line(error: Exception, path: Path) -> int | None:
    """Return the line of the file that everymode, dataclasses or an import rejects; None if the user's code raises."""
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
        # An ImportError that the file itself raises has no name of a module.
        return lines[-1] if last.f_code.co_filename == str(path) and error.name else None
    package = str(last.f_globals.get("__name__", "")).split(".")[0]
    if package in ("everymode", "dataclasses") or "unexpected keyword argument" in str(error):
        return lines[-1]
    return None
