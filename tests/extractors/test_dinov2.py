"""DINOv2's transformer against torch's own encoder layer and published sizes; no weights are needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from everymode.extractors.dinov2 import Block, VisionTransformer, dinov2
from everymode.extractors.extraction import extract


def small() -> VisionTransformer:
    torch.manual_seed(0)
    network = VisionTransformer(width=128, depth=2, native_side=5)
    for value in network.parameters():
        nn.init.normal_(value, 0, 0.05)
    return network


def test_size_and_names_of_the_published_choice() -> None:
    with torch.device("meta"):
        network = VisionTransformer()
    assert sum(each.numel() for each in network.parameters()) == 304_368_640
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert len(shapes) == 24 * 14 + 7
    assert shapes["pos_embed"] == (1, 1370, 1024)
    assert shapes["patch_embed.proj.weight"] == (1024, 3, 14, 14)
    assert shapes["blocks.23.attn.qkv.weight"] == (3072, 1024)
    assert shapes["blocks.0.mlp.fc1.weight"] == (4096, 1024)
    assert shapes["blocks.11.ls2.gamma"] == (1024,)


def test_a_block_is_torchs_encoder_layer() -> None:
    torch.manual_seed(0)
    ours = Block(128).double()
    theirs = nn.TransformerEncoderLayer(
        128, 2, 512, dropout=0.0, activation="gelu", norm_first=True, batch_first=True, layer_norm_eps=1e-6
    ).double()
    pairs = {
        "self_attn.in_proj_weight": ours.attn.qkv.weight,
        "self_attn.in_proj_bias": ours.attn.qkv.bias,
        "self_attn.out_proj.weight": ours.attn.proj.weight,
        "self_attn.out_proj.bias": ours.attn.proj.bias,
        "linear1.weight": ours.mlp.fc1.weight,
        "linear1.bias": ours.mlp.fc1.bias,
        "linear2.weight": ours.mlp.fc2.weight,
        "linear2.bias": ours.mlp.fc2.bias,
    }
    for name, value in pairs.items():
        theirs.get_parameter(name).data.copy_(value)
    tokens = torch.randn(2, 7, 128, dtype=torch.float64)
    torch.testing.assert_close(ours(tokens), theirs(tokens))
    ours.ls1.gamma.data.zero_()
    ours.ls2.gamma.data.zero_()
    torch.testing.assert_close(ours(tokens), tokens)


def test_positions() -> None:
    network = small()
    assert network.positions(5, 5) is network.pos_embed
    network.pos_embed.data[:, 1:] = 3.0
    fewer = network.positions(3, 4)
    assert fewer.shape == (1, 13, 128)
    torch.testing.assert_close(fewer[:, 1:], torch.full((1, 12, 128), 3.0))
    assert torch.equal(fewer[:, :1], network.pos_embed[:, :1])


def test_positions_are_sampled_as_in_the_released_model() -> None:
    network = small()
    grid = torch.arange(5.0)
    network.pos_embed.data[:, 1:] = grid.repeat_interleave(5)[None, :, None].expand(1, 25, 128)
    rows = network.positions(3, 3)[0, 1:, 0].view(3, 3)[:, 0]
    at = 1.5 * 5 / 3.1 - 0.5  # where the middle row samples, by the offset of 0.1

    def weight(distance: float, sharpness: float = -0.75) -> float:
        """Cubic convolution (Keys 1981) with the constant that torch uses."""
        d, a = abs(distance), sharpness
        near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
        return near if d <= 1 else far if d < 2 else 0.0

    expected = sum(weight(at - row) * row for row in range(5))
    assert rows[1].item() == pytest.approx(expected, abs=1e-5)
    assert abs(expected - 2.0) > 0.05  # without the offset it would be the middle row itself


def test_pixels_are_normalized_as_imagenet() -> None:
    network, seen = small(), []
    network.patch_embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.tensor([0.485, 0.456 + 0.224, 0.0]).mul(255).view(1, 3, 1, 1).expand(1, 3, 28, 28))
    expected = torch.tensor([0.0, 1.0, -0.406 / 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], expected, atol=1e-5, rtol=0)


def test_a_file_decides_the_size(tmp_path: Path) -> None:
    network = small()
    torch.save(network.state_dict(), tmp_path / "small.pth")
    extractor = dinov2(tmp_path / "small.pth")
    assert extractor.name == "dinov2-vit128-224"
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    found = extract(extractor, [images], layers=["class-token", "patch-mean"])
    alone = extract(extractor, [images[1:2]])
    assert found.features["patch-mean"].shape == (3, 128)
    torch.testing.assert_close(
        found.features["class-token"][1:2], alone.features["class-token"], atol=1e-5, rtol=0
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    tensors = small().state_dict()
    for change, words in (
        ({"register_tokens": torch.zeros(1)}, "registers"),
        ({"pos_embed": torch.zeros(1, 26, 100)}, "pos_embed is missing"),
        ({"blocks.1.mlp.fc1.bias": torch.zeros(3)}, r"blocks\.1\.mlp\.fc1\.bias \[3\]"),
    ):
        torch.save({**tensors, **change}, tmp_path / "a.pth")
        with pytest.raises(ValueError, match=words):
            dinov2(tmp_path / "a.pth")
