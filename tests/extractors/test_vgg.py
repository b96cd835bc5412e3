"""VGG-19's maps: layers, positions in torchvision's names, normalization, gradient, and files that don't fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from everymode.extractors.hashing import tensors_hash
from everymode.extractors.vgg import SPADE_LAYERS, SPADE_WEIGHTS, Vgg19, vgg19
from everymode.extractors.weights import read_weights

# Index of each convolution in torchvision's sequence, and the stage's width in units of the first one.
CONVOLUTIONS = {
    "1_1": (0, 1),
    "1_2": (2, 1),
    "2_1": (5, 2),
    "2_2": (7, 2),
    "3_1": (10, 4),
    "3_2": (12, 4),
    "3_3": (14, 4),
    "3_4": (16, 4),
    "4_1": (19, 8),
    "4_2": (21, 8),
    "4_3": (23, 8),
    "4_4": (25, 8),
    "5_1": (28, 8),
    "5_2": (30, 8),
    "5_3": (32, 8),
    "5_4": (34, 8),
}


def made_up(width: int = 4) -> dict[str, Tensor]:
    random, tensors, channels = torch.Generator().manual_seed(0), {}, 3
    for index, factor in CONVOLUTIONS.values():
        shape = (factor * width, channels, 3, 3)
        tensors[f"features.{index}.weight"] = torch.randn(shape, generator=random) * (2 / channels / 9) ** 0.5
        tensors[f"features.{index}.bias"] = torch.randn(shape[0], generator=random) / 4
        channels = factor * width
    return tensors


def by_hand(tensors: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    maps, stage = {}, "1"
    for name, (index, _) in CONVOLUTIONS.items():
        if name[0] != stage:
            x, stage = F.max_pool2d(x, 2), name[0]
        x = F.conv2d(x, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"], padding=1)
        maps[f"conv{name}"], maps[f"relu{name}"] = x, F.relu(x)
        x = F.relu(x)
    return maps


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vgg19.safetensors"
    save_file(made_up() | {"classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


def test_the_published_network_has_its_size() -> None:
    with torch.device("meta"):
        network = Vgg19(["relu5_4"])
    assert sum(each.numel() for each in network.parameters()) == 20_024_384
    assert [name for name in network.state_dict() if "weight" in name][-1] == "features.34.weight"
    assert network.state_dict()["features.34.weight"].shape == (512, 512, 3, 3)


@pytest.mark.parametrize("normalize", [True, False])
def test_every_layer_is_the_one_of_its_name(file: Path, normalize: bool) -> None:
    images = torch.rand(2, 3, 20, 17, dtype=torch.float64) * 2 - 1
    tensors = {name: each.double() for name, each in made_up().items()}
    shift, scale = (
        torch.tensor(each).view(3, 1, 1) for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    expected = by_hand(tensors, ((images + 1) / 2 - shift) / scale if normalize else images)
    names = [*reversed(expected)]
    network = vgg19(file, names, normalize=normalize, width=4).double()
    found = network(images)
    # The statistics were rounded to float32.
    for name, layer in zip(names, found, strict=True):
        torch.testing.assert_close(layer, expected[name], rtol=1e-5, atol=1e-5)
        assert layer.std() > 0.01 and (layer.min() < 0) == name.startswith("conv")
    shallow = vgg19(file, ("relu2_1",), normalize=normalize, width=4).double()
    assert torch.equal(shallow(images)[0], found[names.index("relu2_1")]) and len(shallow.features) == 7


def test_the_gradient_reaches_the_images_and_not_the_weights(file: Path) -> None:
    network = vgg19(file, width=4)
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    assert not network.training
    sum(map.square().sum() for map in network(images)).backward()
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())
    gray = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(network(gray)[4], network(gray.repeat(1, 3, 1, 1))[4])
    assert len(SPADE_LAYERS) == len(SPADE_WEIGHTS) == len(network(images))


def test_both_kinds_of_files_load_with_their_hash_and_draw_nothing(file: Path, tmp_path: Path) -> None:
    torch.save(made_up(), tmp_path / "vgg19.pth")
    before = torch.get_rng_state()
    networks = [vgg19(path, width=4) for path in (file, tmp_path / "vgg19.pth")]
    assert torch.equal(torch.get_rng_state(), before)
    assert tensors_hash(networks[0].state_dict()) == tensors_hash(networks[1].state_dict())
    assert networks[0].sha256 == read_weights(file).sha256 != networks[1].sha256
    assert Vgg19(["conv1_1"], width=4).sha256 == ""


def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    whole = made_up()
    sixteen = {name: each for name, each in whole.items() if int(name.split(".")[1]) < 16}
    normalized = whole | {"features.1.weight": torch.ones(1)}
    for wrong in (sixteen, normalized, made_up(2), {"weight": torch.zeros(1)}):
        save_file(wrong, path)
        with pytest.raises(ValueError, match="does not hold VGG-19 in torchvision's names"):
            vgg19(path, ["relu1_1"], width=4)
    with pytest.raises(FileNotFoundError, match="no weights file"):
        vgg19(tmp_path / "absent.pth")


def test_impossible_arguments_are_explained() -> None:
    for wrong in ("relu1_3", "conv6_1", "pool4", "relu3_5"):
        with pytest.raises(ValueError, match=f"no layer '{wrong}'"):
            Vgg19([wrong], width=4)
    for wrong in ([], "relu1_1"):
        with pytest.raises(ValueError, match="layers must be a sequence of names"):
            Vgg19(wrong, width=4)
    with pytest.raises(ValueError, match="width must be at least 1"):
        Vgg19(["relu1_1"], width=0)
    network = Vgg19(["relu1_1", "relu5_1"], width=4)
    for shape in ((1, 3, 15, 16), (1, 4, 16, 16), (3, 16, 16)):
        with pytest.raises(ValueError, match=r"up to relu5_1 needs images .* at least 16 pixels a side"):
            network(torch.zeros(shape))
    assert network(torch.zeros(1, 3, 16, 16))[1].shape == (1, 32, 1, 1)
