from __future__ import annotations

from everymode.explorer.markup import Html, element, joined, table


def test_strings_are_escaped_and_markup_is_not() -> None:
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>"
    assert element("p", inner, "<script>") == "<p><b>a &lt; b &amp; c</b>&lt;script&gt;</p>"
    assert element("p", ["x", None, 3, Html("<i>")]) == "<p>x3<i></p>"


def test_attributes_are_escaped_and_named_as_in_html() -> None:
    made = element(
        "a", "x", href='/?q="><script>', aria_label="it's", class_="c", hidden=True, id=None, open=False
    )
    assert made == '<a href="/?q=&quot;&gt;&lt;script&gt;" aria-label="it&#x27;s" class="c" hidden>x</a>'
    assert element("img", alt=0) == '<img alt="0">'


def test_characters_that_html_forbids_are_replaced() -> None:
    assert element("p", "a\x00\x1b\ud800b") == "<p>a\ufffd\ufffd\ufffdb</p>"


def test_joined_escapes_the_text_between() -> None:
    assert joined("a", "b", between=" & ") == "a &amp; b"


def test_a_table_has_heads_of_columns_and_rows() -> None:
    made = table(("metric", "left"), [("fd <1>", 2.5)])
    assert '<th scope="col">metric</th>' in made
    assert '<th scope="row">fd &lt;1&gt;</th><td>2.5</td>' in made
