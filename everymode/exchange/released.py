"""Weights under the names of released BigGAN code, put into our BigGAN networks.

Names follow ajbrock/BigGAN-PyTorch (BigGAN.py, layers.py), which PeterouZh/Omni-GAN-PyTorch keeps; for the output
network of Omni-INR-GAN, PeterouZh/Omni-GAN-DGP (inr_omniGAN.py, net_mlp.py); and for the class scores
alisadeghian/PGMGAN:gan_training/models/biggan.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.norms.spectral import power_iteration

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


def load_released(
    network: BigGANGenerator | BigGANDiscriminator, weights: Mapping[str, Tensor]
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
        weights: released name -> tensor, such as `blocks.0.0.conv1.weight`, `blocks.0.0.conv1.u0`,
            `linear.bias`. A leading `module.` is dropped.
    Raises:
        ValueError: names are missing or unknown, shapes differ, or a normalized layer comes without its `u0`.
            The network is then unchanged.
    """
    rules = _BOTH + (_GENERATOR if isinstance(network, BigGANGenerator) else _DISCRIMINATOR)
    named: dict[str, Tensor] = {}
    for released_name, value in weights.items():
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
    network.load_state_dict(translated)
    return network


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
    sigma = power_iteration(matrix, vector.reshape(1, 1, -1), iterations=1, epsilon=1e-12)[2]
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
