"""Segmenters from the training data, from weights and from Python files."""

from __future__ import annotations

import hashlib

import pytest
import torch
from picture_generators import gray_levels, gray_maps, painted
from safetensors.torch import save_file

from everymode.evaluation.segmenter_judges import (
    SegmenterJudge,
    find_segmenter,
    fitted_segmenter,
    segmented,
)


def never():
    raise AssertionError("the training data are not needed")


def test_a_fitted_segmenter_is_cached_and_its_weights_can_be_named(tmp_path) -> None:
    first = fitted_segmenter(gray_maps(), 4, steps=3, cache_dir=tmp_path)
    called = []
    again = find_segmenter(
        "fitted", gray_maps, 4, steps=3, cache_dir=tmp_path, progress=lambda *numbers: called.append(numbers)
    )
    assert again.settings == first.settings == {"judge": "fitted", "judge_hash": first.digest}
    assert len(first.digest) == 64
    assert again.facts == first.facts
    assert not called
    assert fitted_segmenter(gray_maps(seed=1), 4, steps=3, cache_dir=tmp_path).digest != first.digest
    file = tmp_path / "mine.safetensors"
    save_file(first.segment.state_dict(), file)
    loaded = find_segmenter(file, never, 4)
    assert (loaded.name, loaded.digest) == ("mine", first.digest)
    images = torch.from_numpy(gray_maps().images.copy())
    assert torch.equal(segmented(loaded, images, "cpu"), segmented(first, images, "cpu"))
    with pytest.raises(ValueError, match="segments 4 classes, and the label maps have 3"):
        find_segmenter(file, never, 3)


def test_a_python_file_defines_a_segmenter(tmp_path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def segment(images):\n    return (images[:, 0] > 0).long()\nother = segment\nnumber = 3\n"
    )
    found = find_segmenter(str(file), never, 2)
    assert found.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    images = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert segmented(found, images, "cpu").tolist() == [[[0, 1]]]
    assert find_segmenter(f"{file}:other", never, 2).name == "mine"
    with pytest.raises(ValueError, match="has no function number"):
        find_segmenter(f"{file}:number", never, 2)


def test_what_is_no_segmenter_is_rejected(tmp_path) -> None:
    with pytest.raises(ValueError, match='no segmenter "drn"'):
        find_segmenter("drn", never, 4)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.py"):
        find_segmenter(tmp_path / "none.py", never, 4)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="doesn't hold the weights"):
        find_segmenter(tmp_path / "bad.safetensors", never, 4)
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="doesn't hold the weights"):
        find_segmenter(tmp_path / "other.safetensors", never, 4)
    with pytest.raises(ValueError, match="no label maps"):
        find_segmenter("fitted", painted, 4)


@pytest.mark.parametrize(
    "wrong", [lambda x: x[:, 0], lambda x: gray_levels(x)[:, :4], lambda x: gray_levels(x)[:1]]
)
def test_a_segmenter_must_return_a_class_for_each_pixel(wrong) -> None:
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"must return integers \[3, 8, 8\]"):
        segmented(SegmenterJudge(wrong, "wrong", "", {}), images, "cpu")
