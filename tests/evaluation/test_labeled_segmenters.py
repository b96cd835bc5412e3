"""Segmenters with named labels: palettes, fits on maps of the data, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from picture_generators import gray_levels, gray_maps

from everymode.data.opening import open_images
from everymode.evaluation.labeled_segmenters import SegmentedData, labeled_segmenter, palette_of_shapes
from everymode.evaluation.segmenter_judges import segmented

SIZE = (16, 16)


def never():
    raise AssertionError("these data are not needed")


def named(source: str) -> list[SegmentedData]:
    return [SegmentedData(source, never)]


@pytest.mark.parametrize(
    ("source", "labels"),
    [
        ("shapes", ("background", "red", "green", "blue", "yellow", "purple", "orange")),
        ("shapes:colors=blue+red,labels=shape", ("background", "blue", "red")),
    ],
)
def test_the_palette_of_shapes_is_exact_without_antialiasing(source: str, labels: tuple[str, ...]) -> None:
    judge = labeled_segmenter("palette", named(source), SIZE)
    assert (judge.name, judge.labels, judge.none) == ("palette", labels, 0)
    assert len(judge.digest) == 64
    assert judge.facts["held_out_count"] == 256
    assert 0.97 < judge.facts["held_out_accuracy"] < 1
    joined = source + ("," if ":" in source else ":")
    truth = open_images(
        f"{joined.replace('labels=shape,', '')}labels=color,maps=yes,antialias=no,samples=20", resolution=SIZE
    )
    images = torch.from_numpy(np.ascontiguousarray(truth.images[np.arange(20)]))
    assert truth.paired is not None
    assert torch.equal(segmented(judge, images, "cpu"), truth.paired.gather(np.arange(20)))
    assert labeled_segmenter("palette", named(joined + "antialias=no"), SIZE).facts["held_out_accuracy"] == 1


def test_a_palette_of_other_data_is_refused() -> None:
    assert palette_of_shapes("digits") is None
    assert palette_of_shapes("photos/shapes") is None
    for candidates in ([], named("photos"), named("digits:train")):
        with pytest.raises(ValueError, match=r"knows the colors of the built-in shapes, and the data is"):
            labeled_segmenter("palette", candidates, SIZE)


def test_a_fit_uses_the_first_data_with_maps(tmp_path: Path) -> None:
    without = SegmentedData("digits", lambda: open_images("digits"))
    judge = labeled_segmenter(
        "fitted", [without, SegmentedData(None, gray_maps)], (8, 8), steps=2, cache_dir=tmp_path
    )
    assert judge.labels == ("class 0", "class 1", "class 2", "class 3")
    assert judge.none is None
    of_shapes = labeled_segmenter(
        "fitted", named("shapes:samples=24,labels=shape+color"), SIZE, steps=2, cache_dir=tmp_path
    )
    assert of_shapes.labels == ("background", "circle", "square", "triangle", "star", "cross")
    assert of_shapes.none == 0
    assert of_shapes.facts["held_out_count"] == 2
    with pytest.raises(
        ValueError, match=r"needs images with label maps, and the data is digits, which has none"
    ):
        labeled_segmenter("fitted", [without], SIZE)


def test_a_python_file_states_its_labels(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    code = "def segment(images):\n    return (images[:, 0] > 0).long()\n"
    file.write_text(f"class_names = ('dark', 'bright')\nground = 0\n{code}")
    judge = labeled_segmenter(str(file), [], SIZE)
    assert (judge.name, judge.labels, judge.none) == ("mine", ("dark", "bright"), 0)
    file.write_text(f"num_classes = 2\n{code}")
    assert labeled_segmenter(str(file), [], SIZE).labels == ("label 0", "label 1")
    file.write_text(f"{code}segment.num_classes, segment.ground = 3, 2\n")
    judge = labeled_segmenter(file, [], SIZE)
    assert (judge.labels, judge.none) == (("label 0", "label 1", "label 2"), 2)
    for wrong, text in (
        (code, "doesn't state how many labels it has"),
        (f"num_classes = 3\nclass_names = ('a', 'b')\n{code}", "2 class_names and num_classes 3"),
        (f"num_classes = 2\nground = 2\n{code}", "sets ground to 2"),
        (f"class_names = ('a', 'a')\n{code}", "has a name twice"),
    ):
        file.write_text(wrong)
        with pytest.raises(ValueError, match=text):
            labeled_segmenter(file, [], SIZE)


def test_functions_and_unknown_names() -> None:
    with pytest.raises(ValueError, match="doesn't state how many labels"):
        labeled_segmenter(gray_levels, [], SIZE)
    with pytest.raises(ValueError, match=r'there is no segmenter "pallete": choose palette'):
        labeled_segmenter("pallete", [], SIZE)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        labeled_segmenter("missing.py", [], SIZE)
