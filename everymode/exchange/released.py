"""Weights under the names of released BigGAN code, put into our BigGAN networks.

Names follow ajbrock/BigGAN-PyTorch (BigGAN.py, layers.py), which PeterouZh/Omni-GAN-PyTorch keeps; for the output
network of Omni-INR-GAN, PeterouZh/Omni-GAN-DGP (inr_omniGAN.py, net_mlp.py); and for the class scores
alisadeghian/PGMGAN:gan_training/models/biggan.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.norms.spectral import power_iteration, singular_values

_BOTH = (
    (r"^blocks\.(\d+)\.0\.", r"blocks.\1."),
    (r"^blocks\.(\d+)\.1\.", r"attention.\1."),
    (r"^(blocks\.\d+)\.conv_sc\.", r"\1.shortcut."),
    (r"^(blocks\.\d+)\.bn([12])\.", r"\1.norm\2."),
    (r"^(attention\.\d+)\.theta\.", r"\1.query."),
    (r"^(attention\.\d+)\.phi\.", r"\1.key."),
    (r"^(attention\.\d+)\.g\.", r"\1.value."),
    (r"^(attention\.\d+)\.o\.", r"\1.output."),
    (r"(\.bn)?\.(stored|running)_(mean|var)$", r".running_\3"),
)
_GENERATOR = (
    (r"^output_layer\.0\.", "output_norm."),
    (r"^output_layer\.2\.", "output_conv."),
    # There every second entry of the list is a ReLU.
    (r"^inr_net\.layers\.(\d*[02468])\.", lambda found: f"output_head.layers.{int(found[1]) // 2}."),
)
_DISCRIMINATOR = (
    (r"^linear\.", "head.linear."),
    (r"^embed\.", "head.embedding."),
    (r"^linear_c\.bias$", "head.class_bias"),
    (r"^linear_c\.", "head.embedding."),
)
# Singular values for the log, and counters of batch normalizations.
_IGNORED = re.compile(r"\.(sv\d+|num_batches_tracked|accumulation_counter)$")


LAYOUT = "biggan-pytorch"
"""The only one so far: names of ajbrock/BigGAN-PyTorch and of what was built on it."""
_OF_BOTH = (
    (r"^blocks\.(\d+)\.", r"blocks.\1.0."),
    (r"^attention\.(\d+)\.", r"blocks.\1.1."),
    (r"^(blocks\.\d+\.0)\.shortcut\.", r"\1.conv_sc."),
    (r"^(blocks\.\d+\.0)\.norm([12])\.", r"\1.bn\2."),
    (r"^(blocks\.\d+\.1)\.query\.", r"\1.theta."),
    (r"^(blocks\.\d+\.1)\.key\.", r"\1.phi."),
    (r"^(blocks\.\d+\.1)\.value\.", r"\1.g."),
    (r"^(blocks\.\d+\.1)\.output\.", r"\1.o."),
    (r"\.running_(mean|var)$", r".stored_\1"),
)
_OF_GENERATOR = (
    (r"^output_norm\.", "output_layer.0."),
    (r"^output_conv\.", "output_layer.2."),
    (r"^output_head\.layers\.(\d+)\.", lambda found: f"inr_net.layers.{2 * int(found[1])}."),
)
_OF_DISCRIMINATOR = ((r"^head\.linear\.", "linear."), (r"^head\.embedding\.", "embed."))
_OF_CLASS_SCORES = ((r"^head\.class_bias$", "linear_c.bias"), (r"^head\.embedding\.", "linear_c."))


def load_released(
    network: BigGANGenerator | BigGANDiscriminator, state: Mapping[str, Tensor], layout: str = LAYOUT
) -> BigGANGenerator | BigGANDiscriminator:
    """Loads a released state dict, in place, and returns the network; its evaluation outputs are then the
    released ones.

    Layers under spectral norm take the raw weight and the released vector `u0`. Layers without it take the
    weight divided by its singular value as the released code has it in evaluation mode, so that a network
    that is not trained on needs none. A class table is left out where the head has none (released omni-loss
    discriminators keep an unused one).

    A generator with `ImplicitHead` draws off its native size as the released test code does if the head is built with
    `border_padding=False`.

    Args:
        state: released name -> tensor, such as `blocks.0.0.conv1.weight`, `blocks.0.0.conv1.u0`,
            `linear.bias`. A leading `module.` is dropped. Where it is of float64, so is the network afterward.
        layout: "biggan-pytorch", the only one so far.
    Raises:
        ValueError: an unknown layout, names are missing or unknown, shapes differ, or a normalized layer comes
            without its `u0`. The network is then unchanged.
    """
    _require_layout(layout)
    rules = _BOTH + (_GENERATOR if isinstance(network, BigGANGenerator) else _DISCRIMINATOR)
    named: dict[str, Tensor] = {}
    for released_name, value in state.items():
        if _IGNORED.search(released_name):
            continue
        name = released_name.removeprefix("module.")
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        named[name] = value
    head = getattr(network, "head", None)
    if head is not None and not hasattr(head, "embedding"):
        named = {name: value for name, value in named.items() if not name.startswith("head.embedding.")}
    translated = _for_layers(network, named)
    _require_match(network, translated)
    if any(value.dtype == torch.float64 for value in translated.values()):
        network.double()
    network.load_state_dict(translated)
    return network


def save_released(network: BigGANGenerator | BigGANDiscriminator, layout: str = LAYOUT) -> dict[str, Tensor]:
    """The network's weights under the released names, which `load_released` takes back: its inverse.

    Layers under spectral norm give the raw weight, the vector `u0`, and the singular value `sv0` as it is estimated
    now (released code only logs it). Tensors are copies on the CPU, of the network's type.

    Args:
        layout: "biggan-pytorch", the only one so far.
    Raises:
        ValueError: an unknown layout, or a layer under a rule that released code doesn't have.
    """
    _require_layout(layout)
    rules: tuple[tuple[str, Any], ...] = _OF_BOTH
    if isinstance(network, BigGANGenerator):
        rules += _OF_GENERATOR
    else:
        rules += _OF_CLASS_SCORES if getattr(network.head, "class_bias", None) is not None else ()
        rules += _OF_DISCRIMINATOR
    plain: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        found = re.fullmatch(r"(.*)\.parametrizations\.weight\.(original|0\.u)", name)
        if found is None and ".parametrizations." in name:
            raise ValueError(
                f"{name} is of a rule that released BigGAN code doesn't have; call remove_normalization(network) on a "
                "copy first, and save that"
            )
        plain[f"{found[1]}.{'weight' if found[2] == 'original' else 'u0'}" if found else name] = value
    plain |= {f"{name}.sv0": value.reshape(1) for name, value in singular_values(network).items()}
    saved: dict[str, Tensor] = {}
    for ours, value in plain.items():
        name = ours
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        saved[name] = value.detach().cpu().clone()
    return saved


def _require_layout(layout: str) -> None:
    if layout != LAYOUT:
        raise ValueError(
            f'there is no layout {layout!r} of released weights; "{LAYOUT}" is the only one so far'
        )


def _for_layers(network: nn.Module, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights and vectors u under the names they have in this network, normalized or not."""
    layers = dict(network.named_modules())
    translated: dict[str, Tensor] = {}
    for name, value in named.items():
        path, _, leaf = name.rpartition(".")
        normalized = path in layers and parametrize.is_parametrized(layers[path], "weight")
        vector = named.get(f"{path}.u0")
        if leaf == "u0":
            if normalized:
                translated[f"{path}.parametrizations.weight.0.u"] = value
        elif leaf == "weight" and normalized:
            if vector is None:
                raise ValueError(
                    f"layer {path!r} is spectrally normalized, but the released weights hold no u0 for it; "
                    "load them before normalize_weights, or leave that layer out with `include`."
                )
            translated[f"{path}.parametrizations.weight.original"] = value
        elif leaf == "weight" and vector is not None:
            translated[name] = _divided(value, vector)
        else:
            translated[name] = value
    return translated


@torch.no_grad()
def _divided(weight: Tensor, vector: Tensor) -> Tensor:
    matrix = weight.flatten(1).unsqueeze(0)
    vector = vector.to(matrix).reshape(1, 1, -1)
    sigma = power_iteration(matrix, vector, iterations=1, epsilon=1e-12)[2]
    return weight / sigma.reshape(())


def _require_match(network: nn.Module, translated: dict[str, Tensor]) -> None:
    expected = network.state_dict()
    missing = sorted(expected.keys() - translated.keys())
    unknown = sorted(translated.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(
            f"the released weights don't fit this {type(network).__name__}: missing (in our names) "
            f"{missing[:8]}, unknown {unknown[:8]}; build it with the released layout, attention, "
            "conditioning and head."
        )
    for name, value in translated.items():
        if value.shape != expected[name].shape:
            raise ValueError(
                f"the released weights don't fit this {type(network).__name__}: {name!r} is "
                f"{tuple(value.shape)}, here {tuple(expected[name].shape)}; build it with the released "
                "widths, classes and latent_dim."
            )
