"""The TensorFlow-compatible Inception: architecture against published facts; no weights are needed.

Its function was compared once with torch-fidelity 0.4.0 on random weights: pooled features, the three inner layers and
logits agreed to 2e-7 where they reach 0.7.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from everymode.extractors import inception as module
from everymode.extractors.extraction import extract
from everymode.extractors.finding import find_extractor
from everymode.extractors.inception import TensorFlowInception, inception


@pytest.fixture(scope="module")
def network() -> TensorFlowInception:
    torch.manual_seed(0)
    return TensorFlowInception().eval()


def test_size_and_names(network: TensorFlowInception) -> None:
    # torchvision's Inception v3 without its second head has 23,834,568; here are 8 more classes
    assert sum(each.numel() for each in network.parameters()) == 23_834_568 + 8 * 2049
    assert sum(isinstance(part, nn.Conv2d) for part in network.modules()) == 94
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert len(shapes) == 94 * 6 + 2
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Mixed_5b.branch5x5_2.conv.weight"] == (64, 48, 5, 5)
    assert shapes["Mixed_6a.branch3x3dbl_3.bn.running_var"] == (96,)
    assert shapes["Mixed_6c.branch7x7dbl_4.conv.weight"] == (160, 160, 7, 1)
    assert shapes["Mixed_7a.branch7x7x3_4.conv.weight"] == (192, 192, 3, 3)
    assert shapes["Mixed_7b.branch3x3dbl_3a.conv.weight"] == (384, 384, 1, 3)
    assert shapes["Mixed_7c.branch_pool.conv.weight"] == (192, 2048, 1, 1)
    assert shapes["fc.weight"] == (1008, 2048)


def test_outputs(network: TensorFlowInception) -> None:
    with torch.no_grad():
        said = network(torch.rand(2, 3, 107, 107) * 255)
    assert {layer: tuple(value.shape) for layer, value in said.features.items()} == {
        layer: (2, width) for layer, width in module.LAYERS.items()
    }
    # the bias is left out of the logits
    torch.testing.assert_close(said.logits, said.features["pool"] @ network.fc.weight.T)


def test_pixels_are_centered_at_128(network: TensorFlowInception) -> None:
    seen = []
    hook = network.Conv2d_1a_3x3.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.tensor([0.0, 128.0, 255.0]).view(1, 3, 1, 1).expand(1, 3, 107, 107))
    hook.remove()
    assert seen[0][0, :, 0, 0].tolist() == [-1.0, 0.0, 127 / 128]


def test_poolings_of_the_tensorflow_graph(network: TensorFlowInception) -> None:
    ones = torch.ones(1, 1, 5, 5)
    assert torch.equal(module.average_pool(ones), ones)  # zeros of the padding are not counted
    corner = torch.zeros(1, 1, 5, 5)
    corner[..., 0, 0] = 8.0
    average, largest = (network.get_submodule(name).branches[-1].pool for name in ("Mixed_7b", "Mixed_7c"))
    assert average(corner)[0, 0, 0, 0] == 2.0 and largest(corner)[0, 0, 1, 1] == 8.0


def test_only_the_published_file_gives_fid(
    network: TensorFlowInception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "inception.pth"
    torch.save(network.state_dict(), path)
    other = inception(path)
    assert other.name == f"inception-{other.weights_hash[:8]}"
    assert other.metric_name("fd") == f"fd-{other.name}"
    assert other.resize.name == "tensorflow1-bilinear" and other.input_size == (299, 299)
    monkeypatch.setattr(module, "PUBLISHED_SHA256", other.weights_hash)
    published = inception(path)
    assert [published.metric_name(each) for each in ("fd", "kd", "is")] == ["fid", "kid", "inception-score"]
    assert published.metric_name("fd", "mixed6") == "fd-inception-mixed6"
    found = extract(published, [torch.randint(0, 256, (1, 1, 40, 32), dtype=torch.uint8)])
    assert found.features["pool"].shape == (1, 2048)


def test_by_name_it_lies_in_the_cache_or_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERYMODE_INCEPTION", raising=False)
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path / "my cache"))
    path = tmp_path / "my cache" / "weights" / "pt_inception-2015-12-05-6726825d.pth"
    assert module.published_path() == path
    with pytest.raises(FileNotFoundError) as missing:
        find_extractor("inception")
    assert all(
        words in str(missing.value)
        for words in (str(path), module.PUBLISHED_ADDRESS, module.PUBLISHED_SHA256, "EVERYMODE_INCEPTION")
    )
    monkeypatch.setenv("EVERYMODE_INCEPTION", str(tmp_path / "elsewhere.pth"))
    with pytest.raises(
        FileNotFoundError, match=r"elsewhere\.pth \(\$EVERYMODE_INCEPTION\): download .*to that path;"
    ):
        find_extractor("inception")
    another = SimpleNamespace(weights_hash="1234")
    monkeypatch.setattr(module, "inception", lambda path: another)
    (tmp_path / "elsewhere.pth").touch()
    with pytest.raises(
        ValueError, match="is not the published Inception, since its SHA-256 is 1234: download"
    ):
        find_extractor("inception")


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="pt_inception-2015-12-05-6726825d"):
        inception(tmp_path / "a.pth")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        inception(tmp_path / "b.pth")
