from __future__ import annotations

import pytest

from everymode.explorer.parameters import Parameters, address, seed_text
from everymode.explorer.replies import Refused


def of(**query: str) -> Parameters:
    return Parameters(query)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-3", (0, 1, 2, 3)),
        ("5", (5,)),
        ("1, 5,7-8", (1, 5, 7, 8)),
        ("3,3,2-4", (3, 2, 4)),
        ("0-63", tuple(range(64))),
    ],
)
def test_lists_of_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert of(seeds=text).seeds() == seeds


@pytest.mark.parametrize(
    "text",
    [
        "0-64",
        "0-100000",
        "a",
        "-1",
        "3-1",
        "1,,2",
        "1-",
        "²",
        "\uff11",
        "0x3",
        "99999999999999",
        "1e3",
        "2147483648",
        " ",
    ],
)
def test_other_lists_are_rejected_with_field_given_and_allowed(text: str) -> None:
    with pytest.raises(Refused) as error:
        of(seeds=text).seeds()
    assert error.value.parameter == "seeds"
    assert error.value.given == text
    assert "at most 64 seeds from 0 to 2147483647" in error.value.allowed


def test_whole_numbers_have_a_range() -> None:
    assert of(n="7").whole("n", most=7) == 7
    assert of().whole("n", 3) == 3
    assert of(n="").whole("n", 3) == 3  # forms send empty fields
    for text in ("8", "-1", "1.5", "0x1", "nan", "1" * 13):
        with pytest.raises(Refused):
            of(n=text).whole("n", most=7)
    with pytest.raises(Refused, match="must be set"):
        of().whole("n")


def test_numbers_are_rounded_so_that_equal_views_have_one_address() -> None:
    assert of(t="0.70001").number("t", 1.0, least=0, most=2) == 0.7
    assert of(t=".5").number("t", 1.0, least=0, most=2) == 0.5
    for text in ("nan", "inf", "1e0", "-1", "2.1", ".", "1,5", "+1"):
        with pytest.raises(Refused):
            of(t=text).number("t", 1.0, least=0, most=2)


def test_sizes_are_a_side_or_height_by_width() -> None:
    assert of().size() is None
    assert of(size="64").size() == (64, 64)
    assert of(size="96x48").size() == (96, 48)
    assert of(sizes="32,64,32,96X48").sizes() == [(32, 32), (64, 64), (96, 48)]
    for text in ("0", "3", "1025", "100000", "64x", "x64", "1x2x3", "64.0", "100000x100000"):
        with pytest.raises(Refused, match="HEIGHTxWIDTH"):
            of(size=text).size()
    with pytest.raises(Refused, match="at most 8"):
        of(sizes=",".join(map(str, range(10, 30)))).sizes()


def test_text_has_a_limit_and_path_values_come_first() -> None:
    with pytest.raises(Refused, match="at most 400 characters"):
        of(x="a" * 401).text("x")
    assert Parameters({"label": "3"}, {"label": 7}).text("label") == "7"
    with pytest.raises(Refused, match="line, sphere"):
        of(path="spiral").choice("path", "line", ("line", "sphere"))


def test_seed_text_is_the_inverse_of_seeds() -> None:
    for seeds in ((0, 1, 2), (5,), (1, 5, 6, 9), (4, 3)):
        assert of(seeds=seed_text(seeds)).seeds() == seeds
    assert seed_text((0, 1, 2, 7)) == "0-2,7"


def test_addresses_quote_their_values() -> None:
    assert (
        address("/samples", checkpoint="ab", labels="0-9", truncation=None, size="")
        == "/samples?checkpoint=ab&labels=0-9"
    )
    assert address("/x", from_="3:1", q="a&b=c #") == "/x?from=3%3A1&q=a%26b%3Dc+%23"
