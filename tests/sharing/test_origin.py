"""The origin of imported weights in a model card."""

from __future__ import annotations

from typing import Any

from everymode.sharing.origin import maker, origin_section


def config(**imported: Any) -> dict[str, Any]:
    return {
        "imported": {"release": "StudioGAN", "source": "https://example.org", "sha256": "0" * 64} | imported
    }


def test_the_origin_is_named() -> None:
    assert maker({}) == "that was trained with everymode"
    assert "another project" in maker(config()) and "StudioGAN" in maker(config())
    text = origin_section(config())
    assert "Weights of StudioGAN from <https://example.org>." in text and "0" * 64 in text


def test_texts_of_users_are_no_markup() -> None:
    for source in (
        "<script>alert(1)</script>",
        "https://a.org/><script>",
        "https://a.org\n# title",
        "javascript:x",
    ):
        text = origin_section(config(source=source, release="[a](b)", sha256="`x`"))
        assert "<" not in text and "\n# " not in text and "[a](b)" not in text and "``" not in text
    assert "<" not in maker(config(release="<b>"))
