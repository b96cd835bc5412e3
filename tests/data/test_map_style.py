"""Data in memory: arrays, and map-style datasets of pairs; what is no such data is refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from everymode.data import DataError, Dataset, items, open_images
from everymode.data.errors import NoColumnsError, NoLabelsError
from everymode.data.synthetic import in_memory

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
LABELS = [0, 2, 0, None, 2, 2]


class Pairs:
    """Map-style dataset as users write them."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.images[index], self.labels[index]


def opened(data: Any, **options: Any) -> Dataset:
    return open_images(data, progress=False, **options)


IMAGES = {
    "uint8 tensors": torch.from_numpy(PIXELS),
    "0..1": torch.from_numpy(PIXELS).float() / 255,
    "-1..1": torch.from_numpy(PIXELS).float() / 127.5 - 1,
    "bfloat16": (torch.from_numpy(PIXELS) // 16).bfloat16() / 15,
    "arrays": PIXELS.transpose(0, 2, 3, 1),
    "float arrays": PIXELS / 255,
    "PIL": [Image.fromarray(each) for each in PIXELS.transpose(0, 2, 3, 1)],
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_of_every_kind_are_the_same_pixels(kind: str) -> None:
    data = opened(Pairs(IMAGES[kind], LABELS))
    expected = PIXELS if kind != "bfloat16" else np.rint(PIXELS // 16 * 17.0)
    np.testing.assert_allclose(data.images, expected, atol=1 if kind == "bfloat16" else 0)
    assert data.labels.tolist() == [0, 1, 0, -1, 1, 1] and data.classes == ("0", "2")
    assert data.name == "Pairs" and data.image_shape == (3, 8, 8)


def test_a_range_that_a_later_item_shows_holds_for_all() -> None:
    images = torch.from_numpy(PIXELS).float() / 127.5 - 1
    images[:3] = images[:3].abs()
    data = opened(Pairs(images, LABELS))
    np.testing.assert_array_equal(data.images, np.rint((images.numpy() + 1) * 127.5))


def test_gray_images_before_colored_ones_are_converted_to_color() -> None:
    gray = Image.new("L", (8, 8), 9)
    data = opened([(gray, 0), (Image.new("RGB", (8, 8), (1, 2, 3)), 1)])
    assert data.images[:, :, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]
    assert opened([(gray, 0)]).image_shape == (1, 8, 8)
    assert opened([(gray, 0)], channels=3).image_shape == (3, 8, 8)


def test_labels_and_names() -> None:
    pairs = Pairs(PIXELS, [torch.tensor(1), np.int64(0), torch.tensor([1]), -1, 1, 0])
    pairs.classes = ["cat", "dog"]  # as torchvision's datasets have them
    data = opened(pairs)
    assert data.classes == ("cat", "dog") and data.labels.tolist() == [1, 0, 1, -1, 1, 0]
    assert opened(Subset(pairs, [0, 3, 5])).classes == ("cat", "dog")
    assert opened(Subset(pairs, [0, 3, 5])).name == "Pairs"
    assert opened(Pairs(PIXELS, list("abcabc"))).classes == ("a", "b", "c")
    tensors = TensorDataset(torch.from_numpy(PIXELS), torch.arange(6) % 2)
    assert opened(tensors).labels.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(NoLabelsError, match="Pairs has no labels"):
        opened(Pairs(PIXELS, [None] * 6), labeled=True)


def test_arguments_hold_for_items(tmp_path: Path) -> None:
    pairs = Pairs(IMAGES["PIL"], range(6))
    small = opened(pairs, resolution=4, channels=1, limit=3)
    assert len(small) == 3 and small.image_shape == (1, 4, 4)
    for i, image in enumerate(IMAGES["PIL"]):
        image.save(tmp_path / f"{i}.png")
    np.testing.assert_array_equal(small.images, opened(tmp_path, resolution=4, channels=1, limit=3).images)
    bytes_as_floats = Pairs(PIXELS.astype(np.float32), LABELS)
    with pytest.raises(DataError, match=r"Pairs: item 0 has values from 0 to 249.*set value_range"):
        opened(bytes_as_floats)
    np.testing.assert_array_equal(opened(bytes_as_floats, value_range="0..255").images, PIXELS)
    with pytest.raises(NoColumnsError, match="Pairs is data in memory"):
        opened(pairs, label_column="kind")


def test_small_images_need_a_layout_only_as_arrays() -> None:
    tiny = PIXELS[:, :, :4, :4]
    np.testing.assert_array_equal(opened(Pairs(torch.from_numpy(tiny), LABELS)).images, tiny)
    with pytest.raises(DataError, match=r"item 0 has shape .*ambiguous"):
        opened(Pairs(tiny, LABELS))
    np.testing.assert_array_equal(opened(Pairs(tiny, LABELS), layout="NCHW").images, tiny)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "list holds no images"),
        ([3], r"list: item 0 is of type int; each item must be a pair \(image, label\)"),
        ([(PIXELS[0],)], "item 0 is of type tuple, with 1 elements; each item must be a pair"),
        ([(PIXELS[0], 0), ("a.png", 1)], "item 1: the image is of type str; give a PIL image"),
        ([(PIXELS[0], [1, 0])], "item 0: the label is of type list; give one integer"),
        ([(PIXELS[0], np.zeros(3))], r"item 0: the label has shape \[3\]"),
        ([(PIXELS[0], 0.5)], "a label is 0.5"),
        ([(PIXELS[0], 0), (PIXELS[1][:, :4], 1)], "item 1 is 4x8 and others are 8x8.*give a resolution"),
        ([(PIXELS[0] * 2.5 - 300, 0)], "omit a normalization by mean and standard deviation"),
        ([(np.full((3, 8, 8), np.nan), 0)], "item 0 has values from nan"),
        ([(PIXELS, 0)], r"item 0: the image has shape \[6, 3, 8, 8\]"),
    ],
)
def test_items_that_can_not_be_used_are_named(given: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(given)


def test_errors_of_a_users_code_name_the_item() -> None:
    with pytest.raises(DataError, match=r"Pairs: item 3 can't be read \(IndexError: list index") as raised:
        opened(Pairs(PIXELS, [0, 1, 2]))
    assert isinstance(raised.value.__cause__, IndexError)


def test_random_transforms_are_noted() -> None:
    class Noisy(Pairs):
        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return torch.rand(3, 8, 8), 0

    assert any("its transform is random" in note for note in opened(Noisy(PIXELS, LABELS)).notes)
    assert opened(Pairs(PIXELS, [0] * 6)).notes == ()


def test_what_is_no_data_is_refused() -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(())

    loader = DataLoader(in_memory("mine", PIXELS, np.arange(6), "abcdef"))
    with pytest.raises(TypeError, match=r"data is a DataLoader.*give its dataset instead, loader\.dataset"):
        opened(loader)
    assert len(opened(loader.dataset)) == 6
    for wrong in (Stream(), {"images": PIXELS}, iter([]), 3, None):
        with pytest.raises(TypeError, match="give the path or the name of a dataset, not "):
            opened(wrong)


@pytest.mark.parametrize("tensors", [True, False])
def test_arrays(tensors: bool) -> None:
    images, labels = PIXELS / np.float32(255), np.array([0, 2, 0, 2, 2, 2])
    data: Any = (torch.from_numpy(images), torch.from_numpy(labels)) if tensors else (images, labels)
    dataset = opened(data)
    np.testing.assert_array_equal(dataset.images, PIXELS)
    assert dataset.classes == ("0", "2") and dataset.name == "arrays"
    assert opened((data[0], None)).classes == opened(data[0]).classes == opened((data[0],)).classes == ()
    assert opened(data, limit=2, resolution=4).images.shape == (2, 3, 4, 4)
    assert opened((data[0], ["a", "b"] * 3)).classes == ("a", "b")
    with pytest.raises(DataError, match=r"arrays: labels are int64 \[6\]; give one integer"):
        opened((data[0][:5], data[1]))
    points = opened((np.random.default_rng(0).normal(size=(6, 2)), labels))
    assert points.is_points and points.labels.tolist() == [0, 1, 0, 1, 1, 1]


def test_our_datasets_are_map_style_and_can_be_opened() -> None:
    dataset = in_memory("mine", PIXELS, np.array([0, 1, -1, 1, 0, 1]), "ab")
    image, label = dataset[1]
    assert torch.equal(image, dataset.gather([1])[0]) and label == 1 and isinstance(label, int)
    assert dataset[-1][1] == 1 and len(list(dataset)) == 6
    for wrong in (6, -7):
        with pytest.raises(IndexError, match=r"mine has rows 0 \.\. 5"):
            dataset[wrong]
    with pytest.raises(TypeError):
        dataset[1:2]  # pyright: ignore[reportArgumentType]
    images, labels = next(iter(DataLoader(dataset, batch_size=4)))
    assert images.shape == (4, 3, 8, 8) and labels.tolist() == [0, 1, -1, 1]
    assert opened(dataset) is dataset and opened(dataset, resolution=8) is dataset
    assert opened(dataset, resolution=4, channels=1).image_shape == (1, 4, 4)
    again = opened(Subset(dataset, [0, 1]))
    np.testing.assert_array_equal(again.images, PIXELS[:2])
    blocks = np.stack([np.arange(6) % 2, np.arange(6) % 3], 1)
    two = in_memory("two", PIXELS, blocks, "ababc", label_blocks=[("a", "b"), ("a", "b", "c")])
    assert two[5][1].tolist() == [1, 2]


def test_large_data_are_read_into_a_file(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    for module in ("items", "prepare"):
        monkeypatch.setattr(f"everymode.data.{module}.IN_MEMORY_BYTES", 100)
    data = opened(Pairs(IMAGES["-1..1"], LABELS))
    assert isinstance(data.images, np.memmap)
    np.testing.assert_array_equal(data.images, PIXELS)
    monkeypatch.setattr(items.shutil, "disk_usage", lambda folder: items.shutil._ntuple_diskusage(9, 9, 9))
    with pytest.raises(DataError, match="set EVERYMODE_CACHE to a larger disk"):
        opened(Pairs(IMAGES["-1..1"], LABELS))


def test_values_a_little_outside_a_range_are_clamped_with_a_note() -> None:
    images = torch.from_numpy(PIXELS).float() / 255
    images[2] *= 1.04
    data = opened(Pairs(images, [0] * 6))
    np.testing.assert_array_equal(data.images[3:], PIXELS[3:])
    assert len(data.notes) == 1 and data.notes[0].startswith("Pairs: item 2 has values from")
    assert data.notes[0].endswith("they are read as 0..1 and clamped to it")


def test_pil_images_that_can_not_be_decoded_are_named(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"list: item 0 can't be read \(.*truncated"):
        opened([(Image.open(tmp_path / "a.png"), 0)])
    with pytest.raises(DataError, match=r"list: item 0 can't be read \(0x4 pixels: the image is empty"):
        opened([(Image.new("L", (0, 4)), 0)])
    with pytest.raises(DataError, match=r"item 0: the image has shape \[3, 0, 4\], so it is empty"):
        opened([(np.zeros((3, 0, 4)), 0)])


def test_a_normalized_dataset_is_read_once() -> None:
    class Counted:
        reads = 0

        def __len__(self) -> int:
            return 5

        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            Counted.reads += 1
            return torch.full((1, 4, 4), row / 2 - 1.0), row % 2

    opened = open_images(Counted(), progress=False)
    assert opened.images[:, 0, 0, 0].tolist() == [0, 64, 128, 191, 255]
    assert Counted.reads == 5 + 2, "the first item thrice: for the format, and to see whether it is random"
