"""DINOv2's vision transformer with patches of 14 pixels, with weights from a user-provided file.

Oquab et al. 2023; Stein et al. 2023 ("Exposing flaws of generative model evaluation metrics") compare generators by the
class token of ViT-L/14, since such metrics agree with human evaluators. Weights and names as in
facebookresearch/dinov2:dinov2/models/vision_transformer.py; size, mean and standard deviation as in
layer6ai-labs/dgm-eval:dgm_eval/models/dinov2.py, which resizes in 8 bits; here images are resized as floats.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from everymode.extractors.extractor import Activations, Extractor
from everymode.extractors.resizing import BICUBIC
from everymode.extractors.weights import (
    WeightsFile,
    frozen,
    load_weights,
    read_weights,
    weights_path,
)

__all__ = ["VisionTransformer", "dinov2"]

SIZE = 224
PATCH = 14
HEAD_WIDTH = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = {384: "vits14", 768: "vitb14", 1024: "vitl14"}
POSITION_OFFSET = 0.1
"""Offset in the scale factor (side + 0.1) / native side by which the released model resizes position embeddings."""


class Attention(nn.Module):
    """Self-attention in heads of 64."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        query, key, value = self.qkv(x).view(batch, tokens, 3, -1, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        # Not fused: fused attention ignores the precision that is set for matrix products.
        weights = (query * HEAD_WIDTH**-0.5 @ key.transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ value).transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    """MLP of two linear layers with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    """One learned factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Transformer block: attention and MLP, each with pre-normalization, a LayerScale and a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbedding(nn.Module):
    """Embedding of each patch of 14 x 14 pixels as one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Map RGB images [N, 3, H, W] in 0 .. 255 to the class token and the mean of the patch tokens, both [N, width].

    The sides of the images must be multiples of 14.

    Args:
        width: width of a token, a multiple of 64.
        depth: number of blocks.
        native_side: number of patches per side in the images of the training (37, for 518 pixels).
    """

    def __init__(self, *, width: int = 1024, depth: int = 24, native_side: int = 37) -> None:
        super().__init__()
        self.native_side = native_side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + native_side**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = PatchEmbedding(width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Tensor) -> Activations:
        mean = torch.tensor(MEAN, device=images.device)[:, None, None]
        std = torch.tensor(STD, device=images.device)[:, None, None]
        x = self.patch_embed((images / 255 - mean) / std)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1)
        x = x + self.positions(images.shape[-2] // PATCH, images.shape[-1] // PATCH)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return Activations({"class-token": x[:, 0], "patch-mean": x[:, 1:].mean(1)})

    def positions(self, height: int, width: int) -> Tensor:
        """Return the position embeddings [1, 1 + height * width, D], interpolated to this number of patches."""
        side = self.native_side
        if (height, width) == (side, side):
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        scale = ((height + POSITION_OFFSET) / side, (width + POSITION_OFFSET) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        assert grid.shape[-2:] == (height, width)
        return torch.cat((self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)), 1)


def dinov2(path_or_url: str | Path) -> Extractor:
    """Return the extractor "dinov2-vitl14-224" (or vits14 or vitb14, depending on the file).

    Args:
        path_or_url: path or address of dinov2_vitl14_pretrain.pth, which published comparisons use, or of a smaller
            model's weights.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file holds other weights, or those of the giant model or a model with registers.
    """
    path = weights_path(path_or_url)
    file = read_weights(path)
    width, depth, side = _sizes(file)
    with torch.device("meta"):
        network = VisionTransformer(width=width, depth=depth, native_side=side)
    network.to_empty(device="cpu")
    load_weights(network, file, "a DINOv2 vision transformer")
    return Extractor(
        name=f"dinov2-{NAMES.get(width, f'vit{width}')}-{SIZE}",
        weights_hash=file.sha256,
        input_size=(SIZE, SIZE),
        resize=BICUBIC,
        layers={"class-token": width, "patch-mean": width},
        network=frozen(network),
    )


def _sizes(file: WeightsFile) -> tuple[int, int, int]:
    """Return the width, depth and native side, read from the shapes of the tensors."""
    tensors = file.tensors
    if "register_tokens" in tensors or any(".mlp.w12." in name for name in tensors):
        raise ValueError(
            f"{file.path} holds DINOv2 with registers or the giant model, which are not supported; "
            f"give dinov2_vitl14_pretrain.pth"
        )
    positions = tensors.get("pos_embed")
    if positions is None or positions.ndim != 3 or positions.shape[1] < 2 or positions.shape[2] % HEAD_WIDTH:
        raise ValueError(
            f"{file.path} does not hold DINOv2 weights (pos_embed is missing or has an invalid shape); "
            f"give dinov2_vitl14_pretrain.pth"
        )
    numbers = [int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name))]
    return positions.shape[2], max(numbers, default=-1) + 1, math.isqrt(positions.shape[1] - 1)
