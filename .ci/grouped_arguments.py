"""Griffe extension for the documentation site: an argument line that names several arguments counts for each of them.

Docstrings here may say "width, height: Size in pixels."; the site's tables then have a row for each name.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

SECTION = re.compile(r"^( *)Args:$")
GROUP = re.compile(r"^( +)(\*{0,2}\w+(?:, \*{0,2}\w+)+): (.*)$")


def separated(text: str) -> str:
    """Return a docstring with a line, and its continuation lines, for each argument of a group."""
    lines, out, inside = text.splitlines(), [], False
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if SECTION.match(line):
            inside = True
        elif inside and line.strip() and not line.startswith(" "):
            inside = False
        match = GROUP.match(line) if inside else None
        if match is None:
            out.append(line)
            continue
        more = []
        while at < len(lines) and lines[at].startswith(match[1] + " "):
            more.append(lines[at])
            at += 1
        for name in match[2].split(", "):
            out += [f"{match[1]}{name}: {match[3]}", *more]
    return "\n".join(out)


class GroupedArguments(Extension):
    def on_instance(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = separated(obj.docstring.value)
