"""Kept references: found again, refused when anything differs, repaired when damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everymode.evaluation.reference import ingredients_of, key_of, reference_for
from everymode.evaluation.statistics import Images
from everymode.extractors.random_convolutions import random_convolutions

PIXELS = torch.randint(0, 256, (90, 1, 12, 12), generator=torch.Generator().manual_seed(1)).byte()


def side(**facts):
    passes = []

    def batches():
        passes.append(1)
        return iter(PIXELS.split(32))

    labels = torch.arange(90).numpy() % 3
    images = Images(
        "made", 90, batches, labels, ("a", "b", "c"), {"fingerprint": "f", **facts}, lambda rows: PIXELS[rows]
    )
    return images, passes


def test_the_second_reference_comes_from_disk_and_is_the_same(tmp_path):
    images, passes = side()
    first = reference_for(images, random_convolutions(16), cache_dir=tmp_path)
    second = reference_for(images, random_convolutions(16), cache_dir=tmp_path)
    assert len(passes) == 1
    assert (first.was_kept, second.was_kept) == (False, True)
    for name in ("mean", "covariance", "features", "rows", "labels", "logits"):
        assert torch.equal(getattr(first.statistics, name), getattr(second.statistics, name)), name
    assert second.statistics.count == 90
    (file,) = (tmp_path / "references").iterdir()
    assert file.suffix == ".safetensors"


def test_whatever_could_change_the_numbers_changes_the_key():
    images, _ = side()
    extractor = random_convolutions(16)
    cpu = torch.device("cpu")
    plain = key_of(ingredients_of(images, extractor, "pool", 100, cpu))
    assert plain == key_of(ingredients_of(side()[0], random_convolutions(16), "pool", 100, cpu))
    others = [
        ingredients_of(side(fingerprint="g")[0], extractor, "pool", 100, cpu),
        ingredients_of(side(images=80)[0], extractor, "pool", 100, cpu),
        ingredients_of(images, random_convolutions(17), "pool", 100, cpu),
        ingredients_of(images, replace(extractor, weights_hash="0" * 64), "pool", 100, cpu),
        ingredients_of(images, replace(extractor, channels=1), "pool", 100, cpu),
        ingredients_of(images, extractor, "stage2", 100, cpu),
        ingredients_of(images, extractor, "pool", 99, cpu),
    ]
    assert len({plain, *map(key_of, others)}) == 1 + len(others)


@pytest.mark.parametrize("damage", ["cut", "byte", "empty"])
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    images, passes = side()
    first = reference_for(images, random_convolutions(16), cache_dir=tmp_path)
    (file,) = (tmp_path / "references").iterdir()
    stored = bytearray(file.read_bytes())
    if damage == "byte":
        stored[-5] ^= 1
    file.write_bytes({"cut": stored[:-50], "byte": stored, "empty": b""}[damage])
    with pytest.warns(UserWarning, match="computed again"):
        again = reference_for(images, random_convolutions(16), cache_dir=tmp_path)
    assert len(passes) == 2
    assert torch.equal(first.statistics.features, again.statistics.features)
    assert reference_for(images, random_convolutions(16), cache_dir=tmp_path).was_kept


def test_a_folder_that_cannot_be_written_costs_the_keeping_only(tmp_path):
    (tmp_path / "references").write_text("a file in the way")
    with pytest.warns(UserWarning, match="EVERYMODE_CACHE"):
        found = reference_for(side()[0], random_convolutions(16), cache_dir=tmp_path)
    assert found.statistics.count == 90
