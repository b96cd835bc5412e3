"""Pages as HTML: ids, labels of controls, texts of images, what is escaped, and what is rejected."""

from __future__ import annotations

import re
from typing import Any

import pytest

PAGES = (
    *("/", "/samples", "/sample", "/compare", "/history", "/interpolate", "/sizes"),
    *("/labels", "/nearest", "/curves"),
)


@pytest.mark.parametrize("run", ["digits", "named", "implicit", "ring", "shapes"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_every_kind_of_run_is_accessible(explored: Any, run: str, path: str) -> None:
    page = explored.page(f"{path}?checkpoint={explored.names[run][-1]}")
    assert len(set(page.ids)) == len(page.ids)
    assert page.by_id("status").attributes["aria-live"] == "polite"
    assert page.by_id("main").name == "main"
    labeled = {each["for"] for each in page.all("label") if "for" in each}
    for control in (*page.all("input"), *page.all("select")):
        if control.get("type") != "hidden":
            assert control["id"] in labeled, control
    assert all(each["alt"].strip() for each in page.all("img"))
    assert all(each.get("method") == "get" for each in page.all("form"))
    assert [each["lang"] for each in page.all("html")] == ["en"]
    assert sum(each.name == "h1" for each in page.elements) == 1


def test_nothing_is_inline_or_from_outside(explored: Any) -> None:
    for path in PAGES:
        reply = explored.get(path)
        nonce = re.search(r"'nonce-([^']+)'", reply.headers["content-security-policy"])
        assert nonce is not None
        for tag in re.findall(r"<(?:script|style|link rel=\"stylesheet\")[^>]*>", reply.text):
            assert f'nonce="{nonce[1]}"' in tag
        assert not re.search(r'\sstyle="|\son[a-z]+="|javascript:', reply.text)
        for link in re.findall(r'(?:src|href|action)="([^"]*)"', reply.text):
            assert re.match(r"[/#](?!/)", link), link


def test_stable_ids_of_the_grid(explored: Any) -> None:
    name = explored.names["digits"][-1]
    page = explored.page(f"/samples?checkpoint={name}&labels=3,7&seeds=0-2&truncation=0.7")
    for id_ in (
        "checkpoint-select",
        "label-select",
        "seed-input",
        "truncation-input",
        "grid",
        "strip-3",
        "strip-7",
    ):
        page.by_id(id_)
    cell = page.by_id("sample-7-2")
    assert cell.attributes["href"] == f"/sample?checkpoint={name}&label=7&seed=2&truncation=0.7"
    images = page.all("img")
    assert [each["alt"] for each in images[:2]] == [
        "class 3, seed 0, truncation 0.7",
        "class 3, seed 1, truncation 0.7",
    ]
    assert {each["src"] for each in images} == {
        f"/strip/{name}/{label}.webp?seeds=0-2&truncation=0.7" for label in (3, 7)
    }
    assert page.by_id("truncation-input").attributes["value"] == "0.7"


def test_label_blocks_have_a_control_each(explored: Any) -> None:
    page = explored.page(f"/samples?checkpoint={explored.names['shapes'][0]}&block0=1&block1=all&seeds=0-1")
    assert [each["name"] for each in page.all("select")] == ["checkpoint", "block0", "block1", "block2"]
    rows = [id_ for id_ in page.ids if id_.startswith("strip-")]
    assert rows == ["strip-1-0-any", "strip-1-1-any", "strip-1-2-any"]
    assert page.all("img")[0]["alt"] == "shape square, color red, seed 0, truncation 1"
    assert explored.get(page.all("img")[0]["src"]).status_code == 200


def test_names_are_escaped(explored: Any) -> None:
    name = explored.names["named"][-1]
    for path in (
        f"/samples?checkpoint={name}",
        f"/sample?checkpoint={name}&label=0",
        f"/history?checkpoint={name}",
    ):
        reply = explored.get(path)
        assert "<script>alert" not in reply.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in reply.text
    page = explored.page(f"/samples?checkpoint={name}&labels=0,4&seeds=3")
    assert [each["alt"] for each in page.all("img")] == [
        "class <script>alert(1)</script>, seed 3, truncation 1",
        "class $(touch x), seed 3, truncation 1",
    ]


def test_a_run_that_cannot_be_shown_is_listed_with_the_reason(explored: Any) -> None:
    page = explored.page("/")
    page.by_id("run-digits")
    assert page.by_id("run-broken").attributes["class"] == "card broken"
    assert "config.json is damaged" in page.text
    broken = next(each for each in explored.get("/api/runs.json").json() if each["run"] == "broken")
    assert broken["checkpoints"] == []
    assert "damaged" in broken["reason"]


def test_values_that_are_not_allowed_are_named(explored: Any) -> None:
    name = explored.names["implicit"][0]
    page = explored.page(f"/samples?checkpoint={name}&size=100000", 422)
    page.by_id("error")
    for word in ("field", "size", "given", "100000", "allowed", "HEIGHTxWIDTH"):
        assert word in page.text
    for address in (
        *(
            "/samples?seeds=0-100000",
            "/samples?seeds=<script>",
            "/samples?truncation=9",
            "/samples?labels=0-99999",
        ),
        *(
            "/samples?labels=11",
            "/sample?label=../../etc",
            "/sample?seed=-1",
            "/interpolate?from=3",
            "/history?label=a",
        ),
        *(f"/sizes?checkpoint={name}&sizes=5000", "/interpolate?steps=1000", "/compare?seeds=0-63"),
        *("/samples?size=32", f"/samples?checkpoint={explored.names['shapes'][0]}&block1=9"),
    ):
        assert explored.page(address, 422).by_id("error").attributes["role"] == "alert"


@pytest.mark.parametrize(
    "name",
    [
        "../digits",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "a" * 12,
        "%00",
        "digits",
        "C:\\x",
        ".",
        "0" * 300,
    ],
)
def test_names_like_paths_find_nothing(explored: Any, name: str) -> None:
    for address in (
        f"/samples?checkpoint={name}",
        f"/compare?left={name}",
        f"/image/{name}/3/0.webp",
        f"/strip/{name}/3.webp",
        f"/picture/last?run=../{name}",
        f"/asset/{name}",
    ):
        reply = explored.get(address)
        assert reply.status_code in (404, 422), address
        assert "root:" not in reply.text


def test_a_pruned_checkpoint_offers_the_nearest(explored: Any, tmp_path: Any) -> None:
    import shutil

    from explored import write_run

    from everymode.explorer.catalog import Catalog
    from everymode.explorer.replies import Missing

    run = write_run(tmp_path / "run", steps=(10, 20, 30))
    catalog = Catalog([run])
    first, second, _ = (each.name for each in catalog.runs[0].checkpoints)
    shutil.rmtree(run / "checkpoints" / "step-0000010")
    with pytest.raises(Missing, match=r"step 10 of run\) has been deleted") as error:
        catalog.checkpoint(first)
    catalog.refresh(0)
    with pytest.raises(Missing) as error:
        catalog.checkpoint(first)
    assert error.value.offers[0].text == "run, step 20"
    assert second in error.value.offers[0].address
    reply = explored.page("/samples?checkpoint=0123456789ab", 404)
    assert "Training deletes old checkpoints" in reply.text
    assert [each["href"] for each in reply.all("a") if "/samples?checkpoint" in each["href"]]


def test_an_interpolation_names_its_ends(explored: Any) -> None:
    name = explored.names["digits"][-1]
    page = explored.page(f"/interpolate?checkpoint={name}&from=3:17&to=5:2&steps=3&path=sphere")
    assert (
        page.all("img")[1]["alt"] == "50% of the way from class 3, seed 17 to class 5, seed 2, truncation 1"
    )
    assert page.all("img")[0]["src"] == f"/between/{name}/walk.webp?from=3%3A17&to=5%3A2&steps=3&path=sphere"
    assert explored.get(page.all("img")[0]["src"]).status_code == 200


def test_sizes_only_where_the_generator_allows_them(explored: Any) -> None:
    page = explored.page(f"/sizes?checkpoint={explored.names['implicit'][0]}&label=2&seed=1&sizes=16,96x48")
    assert page.by_id("size-96x48").attributes["height"] == "96"
    other = explored.page(f"/sizes?checkpoint={explored.names['digits'][0]}")
    assert "16x16 pixels only" in other.text
    assert f"/sizes?checkpoint={explored.names['implicit'][0]}" in [each["href"] for each in other.all("a")]


def test_a_history_has_all_checkpoints(explored: Any) -> None:
    page = explored.page(f"/history?checkpoint={explored.names['digits'][1]}&label=4&seed=2")
    sources = [each["src"] for each in page.all("img")]
    assert sources == [f"/image/{name}/4/2.webp" for name in explored.names["digits"]]
    assert page.by_id("step-20").attributes["aria-current"] == "true"
    assert "--keep-history" in page.text


def test_a_comparison_can_be_swapped(explored: Any) -> None:
    left, right = explored.names["digits"][0], explored.names["implicit"][0]
    page = explored.page(f"/compare?left={left}&right={right}&labels=1&seeds=5")
    assert page.by_id("swap").attributes["href"].startswith(f"/compare?left={right}&right={left}&labels=1")
    page.by_id("left-sample-1-5"), page.by_id("right-sample-1-5")
    assert "No score card" in page.text
    swapped = explored.page(f"/compare?left={left}&right={right}&rows=3").by_id("swap")
    assert "rows=3" in swapped.attributes["href"]


def test_rows_that_are_too_large_for_one_file_have_a_file_for_each_cell(explored: Any) -> None:
    name = explored.names["implicit"][0]
    page = explored.page(f"/samples?checkpoint={name}&labels=3&seeds=0-7&size=1024")
    assert [each["src"] for each in page.all("img")] == [
        f"/image/{name}/3/{seed}.webp?size=1024x1024" for seed in range(8)
    ]
    plots = explored.names["ring"][0]
    page = explored.page(f"/samples?checkpoint={plots}&seeds=0-63")
    assert page.all("img")[5]["src"] == f"/image/{plots}/any/5.webp"
    explored.page(f"/strip/{plots}/any.webp?seeds=0-63", 422)  # wider than WebP allows


def test_links_of_a_sample_keep_its_size_and_truncation(explored: Any) -> None:
    name = explored.names["implicit"][0]
    page = explored.page(f"/sample?checkpoint={name}&label=3&seed=4&truncation=0.5&size=32")
    links = [each["href"] for each in page.all("a") if each.get("rel") in ("prev", "next")]
    assert len(links) == 2
    assert all("truncation=0.5" in each and "size=32x32" in each for each in links)


def test_a_value_of_another_run_leads_to_the_default_values(explored: Any) -> None:
    name = explored.names["named"][0]
    page = explored.page(f"/samples?checkpoint={name}&labels=0-9", 422)
    assert f"/samples?checkpoint={name}" in [each["href"] for each in page.all("a")]


def test_default_sizes_are_allowed_for_large_generators() -> None:
    from types import SimpleNamespace
    from typing import cast

    from everymode.explorer.facts import Facts
    from everymode.explorer.parameters import Parameters
    from everymode.explorer.sizes import default_sizes

    facts = cast(Facts, SimpleNamespace(size=(256, 512)))
    assert Parameters().sizes(default=default_sizes(facts)) == [(256, 512), (512, 1024)]


def test_many_labels_of_a_block_are_not_all_shown_by_default() -> None:
    from types import SimpleNamespace
    from typing import cast

    from everymode.explorer.facts import Block, Facts
    from everymode.explorer.labels import Label, requested_labels
    from everymode.explorer.parameters import Parameters

    blocks = (Block("shape", tuple(map(str, range(65)))), Block("color", ("red", "blue")))
    facts = cast(Facts, SimpleNamespace(needs_data=False, kind="labels", blocks=blocks))
    assert requested_labels(Parameters(), facts) == [Label((-1, -1))]
