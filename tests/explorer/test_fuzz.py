"""Addresses made at random: whatever is asked, no reply is a fault of the explorer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everymode.explorer.routes import ROUTES

PAGES = [route.path for route in ROUTES]
PARAMETERS = (
    *(
        "checkpoint",
        "left",
        "right",
        "run",
        "label",
        "labels",
        "seed",
        "seeds",
        "truncation",
        "size",
        "sizes",
        "rows",
    ),
    *("block0", "block1", "from", "to", "steps", "path", "view", "name", "k", "row", "index"),
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "0",
                "1",
                "3",
                "9",
                "0-9",
                "1,2",
                "any",
                "all",
                "16",
                "24x16",
                "0.5",
                "2",
                "3:1",
                "line",
                "sphere",
                "",
            ),
            *(
                "-1",
                "1e9",
                "nan",
                "inf",
                "99999999999",
                "0-1000000",
                "9x9x9",
                "../x",
                "%2e%2e",
                "\x00",
                "<b>",
                "r1",
            ),
        ]
    ),
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
)


def ask(explored: Any, path: str, values: dict[str, str]) -> None:
    reply = explored.get(f"{path}?{urlencode(values, errors='surrogatepass')}")
    assert reply.status_code in (200, 304, 400, 404, 414, 422, 503), (path, values, reply.status_code)
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def run(explored: Any, data: st.DataObject) -> None:
    names = [name for run in explored.names.values() for name in run]
    name = st.one_of(st.sampled_from(names), VALUES)
    values = data.draw(st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=5), "query")
    if data.draw(st.booleans(), "checkpoint"):
        values["checkpoint"] = data.draw(st.sampled_from(names), "name")
    kind = data.draw(st.integers(0, 4), "kind")
    piece = VALUES.map(lambda text: quote(text, safe="", errors="surrogatepass"))
    ending = data.draw(st.sampled_from(("webp", "png", "", "gif")), "ending")
    checkpoint = quote(data.draw(name, "path"), safe="", errors="surrogatepass")
    if kind == 0:
        values.setdefault("size", "16")
        path = f"/image/{checkpoint}/{data.draw(piece, 'label')}/{data.draw(piece, 'seed')}.{ending}"
    elif kind == 1:
        path = f"/strip/{checkpoint}/{data.draw(piece, 'label')}.{ending}"
    elif kind == 2:
        path = f"/between/{checkpoint}/walk.{ending}"
    else:
        path = data.draw(st.sampled_from(PAGES), "page")
    ask(explored, path.replace("{", "").replace("}", ""), values)


CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=50, deadline=None, suppress_health_check=CHECKS)
@given(st.data())
def test_no_request_is_a_fault(explored: Any, data: st.DataObject) -> None:
    run(explored, data)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=CHECKS)
@given(st.data())
def test_no_request_of_many_is_a_fault(explored: Any, data: st.DataObject) -> None:
    run(explored, data)
