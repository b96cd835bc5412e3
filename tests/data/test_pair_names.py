"""Names of pairs: known and further endings, files of other kinds, and names without a partner."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everymode.data.errors import PairError
from everymode.data.pair_names import ENDINGS, files_by_key, match_pairs
from everymode.data.paired_folders import pair_folders

WORDS = st.text(st.sampled_from("ab.é_1"), min_size=1, max_size=4).map(lambda word: f"x{word}x")
PATHS = st.lists(WORDS, min_size=1, max_size=3).map("/".join)


@settings(max_examples=60, deadline=None)
@given(
    keys=st.lists(PATHS, unique=True, max_size=6),
    ending=st.sampled_from(["", "_seg", *ENDINGS["map"]]),
    extensions=st.tuples(*[st.sampled_from([".png", ".jpg", ".JPEG"])] * 2),
    order=st.randoms(use_true_random=False),
)
def test_every_image_gets_its_own_map(
    keys: list[str], ending: str, extensions: tuple[str, str], order: st.randoms
) -> None:
    shuffled = list(keys)
    order.shuffle(shuffled)
    images = files_by_key([key + extensions[0] for key in keys], "image", "i")
    maps = files_by_key(
        [key + ending + extensions[1] for key in shuffled],
        "map",
        "m",
        strip=("_seg",) if ending == "_seg" else (),
    )
    assert match_pairs(images, maps, "map", "i and m") == [key + ending + extensions[1] for key in keys]


@settings(max_examples=60, deadline=None)
@given(keys=st.lists(PATHS, unique=True, min_size=1, max_size=6), data=st.data())
def test_a_name_without_partner_is_always_rejected(keys: list[str], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(keys))
    all_files = {key: f"{key}.png" for key in keys}
    some_files = {key: f"{key}.png" for key in keys if key != lost}
    with pytest.raises(PairError, match=f"1 of {len(keys)} images have no map"):
        match_pairs(all_files, some_files, "map", "here")
    with pytest.raises(PairError, match=f"1 of {len(keys)} maps have no image"):
        match_pairs(some_files, all_files, "map", "here")


def test_the_message_shows_examples_and_suggests_an_ending() -> None:
    images = {f"a/{i}": f"a/{i}.jpg" for i in range(5)}
    maps = {f"a/{i}_mask": f"a/{i}_mask.png" for i in range(5)}
    with pytest.raises(PairError) as caught:
        match_pairs(images, maps, "map", "photos and masks")
    message = str(caught.value)
    assert "5 of 5 images have no map (a/0.jpg, a/1.jpg, a/2.jpg, ...)" in message
    assert "5 of 5 maps have no image (a/0_mask.png" in message
    assert 'strip=("_mask",)' in message
    with pytest.raises(PairError, match=r'strip=\("_mask",\)'):
        match_pairs(maps, images, "map", "photos and masks")


def test_files_of_other_kinds_are_passed_over() -> None:
    stem = "ulm/ulm_000000_000019_gtFine"
    names = [f"{stem}_{kind}.png" for kind in ("labelIds", "instanceIds", "color", "labelTrainIds")]
    key = "ulm/ulm_000000_000019"
    assert files_by_key(names, "map", "m") == {key: names[0]}
    assert files_by_key(names, "instance map", "m") == {key: names[1]}
    assert files_by_key(names, "image", "m") == {}
    assert files_by_key(names, "map", "m", strip=("_gtFine_labelTrainIds",)) == {key: names[3]}


def test_names_that_collide_are_rejected() -> None:
    with pytest.raises(
        PairError, match=r"i: a\.jpg and a\.png are both the image of a; remove or rename one"
    ):
        files_by_key(["a.jpg", "a.png"], "image", "i")
    with pytest.raises(PairError, match=r"the name of b/_leftImg8bit\.png is nothing but the ending"):
        files_by_key(["b/_leftImg8bit.png"], "image", "i")


def test_two_encodings_of_a_letter_are_one_name() -> None:
    images, maps = files_by_key(["caf\u00e9.png"], "image", "i"), files_by_key(["cafe\u0301.png"], "map", "m")
    assert match_pairs(images, maps, "map", "i and m") == ["cafe\u0301.png"]


def test_folders_are_recognized_by_their_sub_folders(tmp_path: Path) -> None:
    assert pair_folders(tmp_path) is None
    assert pair_folders(tmp_path / "nothing") is None
    (tmp_path / "images").mkdir()
    assert pair_folders(tmp_path) is None
    (tmp_path / "maps").mkdir()
    assert pair_folders(str(tmp_path)) == (tmp_path / "images", tmp_path / "maps", None)
    (tmp_path / "instances").mkdir()
    assert pair_folders(tmp_path) == (tmp_path / "images", tmp_path / "maps", tmp_path / "instances")
    assert pair_folders(tmp_path / "maps") is None
