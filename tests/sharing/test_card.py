"""The model card: front matter, sections, scores with their protocol, and names that stay names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shared_folders import generator_of

from everymode.sampling.generator import Generator
from everymode.sharing.card import model_card
from everymode.sharing.folder import shared_description
from everymode.sharing.licenses import license_lines
from everymode.sharing.scores import score_section

yaml = pytest.importorskip("yaml")

NASTY = "x\n---\nlicense: mit\n# [a](http://b) <img src=x> | `c`"
CARD: dict[str, Any] = {
    "metrics": {"fd|x": {"metric": "fd", "value": 1.23456789, "better": "lower", "real": 1200, "fake": 300}},
    "protocol": {
        "extractor": {
            "name": "lite0-64",
            "weights_hash": "ab" * 32,
            "input_size": [64, 64],
            "resize": "bicubic",
        },
        "sampling": {"truncation": 0.7, "ema": True},
    },
    "seeds": {"sampling": 3},
    "warnings": ["few <images>"],
    "date": "2026-01-02T03:04:05",
}


@pytest.fixture(scope="module")
def generator() -> Generator:
    return generator_of("omni-gan-digits")


def card_of(generator: Generator, picture: str = "", **facts: Any) -> tuple[dict[str, Any], str]:
    """The front matter and the text of a card."""
    text = model_card(generator, shared_description(generator, **facts), picture)
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_front_matter_and_the_sections(generator: Generator) -> None:
    head, body = card_of(
        generator, "One row per class.", data_name="stars", license="CC-BY-4.0", scores=[CARD]
    )
    assert head == {
        "license": "cc-by-4.0",
        "library_name": "everymode",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "everymode", "biggan", "omni"],
    }
    titles = [line for line in body.splitlines() if line.startswith("#")]
    assert titles == [
        *("# omni-gan-digits", "## Samples", "## Data", "## Scores", "## Use", "## Training", "## Limits")
    ]
    assert "Images of 16x16 pixels (gray)" in body and "3 classes" in body
    assert "Training data: stars. It has 36 examples." in body
    assert "![Samples](samples.png)" in body and 'everymode.load("FOLDER")' in body
    assert "quality is not known" not in body
    assert 'generator.sample(16, label="class 0", seed=0)' in body


def test_names_can_not_become_markup(generator: Generator) -> None:
    other = Generator(generator.network, generator.labels, config={**generator.config})
    other.config["data"] = {**generator.config["data"], "classes": [NASTY] * 3}
    head, body = card_of(other, data_name=NASTY, license=NASTY)
    assert head["license"] == "other" and head["license_name"].startswith("x --- license: mit # [a]")
    assert "<img" not in body and "](http" not in body
    assert len([line for line in body.splitlines() if line.startswith("#")]) == 6


def test_what_is_not_known_is_stated(generator: Generator) -> None:
    head, body = card_of(generator)
    assert "license" not in head
    assert "No license was named" in body and "was not named" in body and "quality is not known" in body
    assert "not finite" in body


def test_scores_have_their_protocol() -> None:
    text = score_section([CARD])
    assert "| fd\\|x | 1.23457 | lower | 1,200 | 300 |" in text
    for fact in (
        *("extractor lite0-64", "its weights abababababab;", "input size 64x64", "truncation 0.7"),
        *("averaged weights yes", "sampling seed 3", "date 2026-01-02", "- few &lt;images&gt;"),
    ):
        assert fact in text
    assert "can't be compared" in text
    assert score_section([]) == "None were recorded with these weights."


@pytest.mark.parametrize(
    "name", ["spade-textures", "self-conditioned-digits", "mgan-ring", "omni-inr-gan-32"]
)
def test_each_kind_is_described(name: str) -> None:
    head, body = card_of(generator_of(name))
    if name == "spade-textures":
        assert head["pipeline_tag"] == "image-to-image" and "generated from label maps" in body
        assert "generator.translate" in body
    elif name == "mgan-ring":
        assert "pipeline_tag" not in head and "Points in the plane" in body
    elif name == "omni-inr-gan-32":
        assert "3 + 2 classes" in body
    else:
        assert "have no names and may mix classes" in body and "Classes:" not in body


def test_licenses() -> None:
    assert license_lines("MIT") == ["license: mit"]
    assert license_lines(None) == license_lines("") == []
    assert license_lines("only for\nus") == ["license: other", 'license_name: "only for us"']


def test_a_picture_of_the_user_loses_its_metadata(generator: Generator, tmp_path: Path) -> None:
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "lovelace")
    Image.new("RGB", (4, 4), "red").save(tmp_path / "mine.png", pnginfo=info)
    saved = generator.save(tmp_path / "a", samples=tmp_path / "mine.png")
    assert b"lovelace" not in (saved / "samples.png").read_bytes()
    assert Image.open(saved / "samples.png").getpixel((0, 0)) == (255, 0, 0)
    assert "selected by the author" in (saved / "README.md").read_text()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="is not a picture"):
        generator.save(tmp_path / "b", samples=tmp_path / "bad.png")
    assert not (tmp_path / "b").exists()
