"""Text of users in Markdown and YAML."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.sharing.text import is_path, markdown, one_line, quoted

yaml = pytest.importorskip("yaml")

NASTY = "# x\n\n[a](http://b) | `c` <script>alert(1)</script> www.d.org @me _e_ *f* \\ \x00\x1b\u2028$g$"


def test_names_stay_on_one_line_without_control_characters() -> None:
    assert one_line(" a\r\n\tb \x07 c\u2028d ") == "a b \ufffd c d"
    assert one_line("x" * 300) == "x" * 197 + "..."
    assert one_line("\ud800") == "\ufffd"


def test_markup_html_and_links_are_escaped() -> None:
    escaped = markdown(NASTY)
    assert "<" not in escaped and "http:" not in escaped and "www." not in escaped and "@" not in escaped
    assert escaped.startswith("\\# x \\[a\\]\\(http&#58;//b\\) \\| \\`c\\` &lt;script&gt;")
    assert markdown("omni-gan 1.5") == "omni-gan 1.5"
    assert markdown("- a") == "&#45; a" and markdown("1. a") == "&#49;. a" and markdown("-") == "&#45;"


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_quoted_texts_are_scalars_of_yaml(text: str) -> None:
    scalar = yaml.safe_load(f"a: {quoted(text)}\nb: 1")
    assert scalar == {"a": one_line(text), "b": 1}


@pytest.mark.parametrize("text", ["/a", "a/b", "C:\\a", "c:a", "~", "hub:a/b", "https://a.b", "..\\a"])
def test_paths_are_recognized(text: str) -> None:
    assert is_path(text)


@pytest.mark.parametrize(
    "text", ["", "digits", "lite0:64", "rounded and clamped to 8 bits", "bicubic-antialiased"]
)
def test_names_are_no_paths(text: str) -> None:
    assert not is_path(text)
