"""Text of users in Markdown and YAML: it can't become markup, and stays on one line."""

from __future__ import annotations

import json
import re

__all__ = ["is_path", "markdown", "one_line", "quoted"]

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", ":": "&#58;"}
"""Characters of HTML, and those by which GitHub and the hub recognize addresses and names even after a backslash."""
_MARKUP = frozenset(r"\`*_{}[]()#|~!$=^")


def one_line(text: str, longest: int = 200) -> str:
    """Return a text on one line: white space becomes a space, other characters that don't print U+FFFD.

    Args:
        text: any text.
        longest: number of characters to which it is shortened.
    """
    letters = (each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text)
    line = " ".join("".join(letters).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def markdown(text: str, longest: int = 200) -> str:
    """Return a text that Markdown shows as it is, also in a table: without markup, HTML or links."""
    line = one_line(text, longest)
    escaped = "".join(_ENTITIES.get(each) or (f"\\{each}" if each in _MARKUP else each) for each in line)
    escaped = re.sub(
        r"^([-+]|\d+[.\\])(?=\s|\)|$)", lambda match: f"&#{ord(match[0][0])};{match[0][1:]}", escaped
    )
    return re.sub(r"www\.", "www&#46;", escaped, flags=re.IGNORECASE)


def quoted(text: str, longest: int = 200) -> str:
    """Return a text as a double-quoted scalar of YAML, which is also a JSON string."""
    return json.dumps(one_line(text, longest), ensure_ascii=False)


def is_path(text: str) -> bool:
    """Return whether a text may be a path of a computer or an address."""
    return bool(re.search(r"[/\\]|^~|^[A-Za-z]:", text))
