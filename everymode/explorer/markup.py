"""HTML elements, built so that text can't become markup: every string is escaped unless it is `Html` already."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Content", "Html", "element", "joined", "table"]

_VOID = frozenset(("br", "hr", "img", "input", "link", "meta", "source"))
"""Elements without an end tag."""


class Html(str):
    """Markup that is inserted as it is. Make it with `element` or `joined`, or from literals of the source code."""

    __slots__ = ()


Content = str | int | float | None | Iterable["Content"]
"""Contents of an element: `Html`, text or numbers (escaped), None (nothing), or several of these."""


def element(name: str, /, *contents: Content, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: tag name, such as "td".
        contents: its contents; strings that are not `Html` are escaped.
        attributes: its attributes; `class_` and `for_` lose the underscore at the end, and others become hyphens:
            `aria_label` is aria-label. True gives an attribute without a value; None and False omit it.
    """
    listed = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{listed}>")
    return Html(f"<{name}{listed}>{joined(*contents)}</{name}>")


def joined(*contents: Content, between: str = "") -> Html:
    """Return contents one after the other; strings that are not `Html` are escaped.

    Args:
        between: text between them.
    """
    return Html(escape(between).join(_text(each) for each in contents))


def table(
    head: Iterable[Content],
    rows: Iterable[Iterable[Content]],
    *,
    caption: Content = None,
) -> Html:
    """Return a table whose first column names the rows.

    Args:
        head: the head of each column.
        rows: the cells of each row.
        caption: the table's caption.
    """
    titles = element("tr", [element("th", each, scope="col") for each in head])
    body = []
    for row in rows:
        first, *rest = row
        body.append(element("tr", element("th", first, scope="row"), [element("td", each) for each in rest]))
    return element(
        "table",
        None if caption is None else element("caption", caption),
        element("thead", titles),
        element("tbody", body),
    )


def _text(content: Content) -> str:
    if isinstance(content, Html):
        return content
    if content is None:
        return ""
    if isinstance(content, str):
        # Characters that no HTML document may contain are shown as the replacement character.
        return escape("".join(each if _allowed(each) else "\ufffd" for each in content))
    if isinstance(content, int | float):
        return escape(str(content))
    return "".join(_text(each) for each in content)


def _allowed(character: str) -> bool:
    code = ord(character)
    return (code >= 32 or character in "\t\n\r") and code != 127 and not 0xD800 <= code <= 0xDFFF


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{_text(value if isinstance(value, str) else str(value))}"'
