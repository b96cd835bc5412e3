"""Conversion between everymode's weights and those of released code.

Names of BigGAN follow ajbrock/BigGAN-PyTorch (BigGAN.py, layers.py), which PeterouZh/Omni-GAN-PyTorch keeps; for the
output network of Omni-INR-GAN, PeterouZh/Omni-GAN-DGP (inr_omniGAN.py, net_mlp.py); and for the class scores
alisadeghian/PGMGAN:gan_training/models/biggan.py. Those of networks on pictures are in
`everymode.exchange.picture_layouts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.exchange.dividing import divided_by_iteration
from everymode.exchange.fitting import require_match
from everymode.exchange.picture_layouts import PICTURE_LAYOUTS, renamed
from everymode.exchange.pictures import load_pictures, save_pictures
from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.norms.spectral import singular_values

_Network = TypeVar("_Network", bound=nn.Module)
FROM_RELEASED_BOTH = (
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
FROM_RELEASED_GENERATOR = (
    (r"^output_layer\.0\.", "output_norm."),
    (r"^output_layer\.2\.", "output_conv."),
    # Every second entry of the released list is a ReLU.
    (r"^inr_net\.layers\.(\d*[02468])\.", lambda match: f"output_head.layers.{int(match[1]) // 2}."),
)
_DISCRIMINATOR = (
    (r"^linear\.", "head.linear."),
    (r"^embed\.", "head.embedding."),
    (r"^linear_c\.bias$", "head.class_bias"),
    (r"^linear_c\.", "head.embedding."),
)
# Singular values that are only logged, and counters of batch normalization layers.
_IGNORED = re.compile(r"\.(sv\d+|num_batches_tracked|accumulation_counter)$")
_LOADED = "_loaded_by_load_released"
"""Attribute of a network: the tensors that `load_released` read and the network doesn't use, and the vectors u0."""


LAYOUT = "biggan-pytorch"
"""The layout of BigGAN: the names of ajbrock/BigGAN-PyTorch and of code derived from it."""
TO_RELEASED_BOTH = (
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
TO_RELEASED_GENERATOR = (
    (r"^output_norm\.", "output_layer.0."),
    (r"^output_conv\.", "output_layer.2."),
    (r"^output_head\.layers\.(\d+)\.", lambda match: f"inr_net.layers.{2 * int(match[1])}."),
)
_OF_DISCRIMINATOR = ((r"^head\.linear\.", "linear."), (r"^head\.embedding\.", "embed."))
_OF_CLASS_SCORES = ((r"^head\.class_bias$", "linear_c.bias"), (r"^head\.embedding\.", "linear_c."))


def load_released(network: _Network, state: Mapping[str, Tensor], layout: str = LAYOUT) -> _Network:
    """Load a released state dict into a network, in-place, so that its outputs in eval mode are the released ones.

    Layers with spectral norm take the raw weight and the released vector `u0`. Layers without it take the weight
    divided by its singular value, computed as in the released code's eval mode, so a network that is not trained
    further needs no spectral norm. A class embedding is dropped if the head has none (released omni-loss
    discriminators store an unused one).

    A generator with an `ImplicitHead` built with `border_padding=False` draws other sizes than its native one exactly
    as the released test code does.

    Layouts "spade", "stargan", "srresnet" and "esrgan" hold the networks of NVlabs/SPADE (the encoder by itself:
    `load_released(generator.encoder, ...)`), yunjey/stargan and xinntao/BasicSR. Their layers under spectral norm have
    `weight_orig`, `weight_u` and `weight_v`; a layer without it takes weight_orig / (u W v), the weight of the released
    eval mode. StarGAN's running statistics of instance normalization are dropped, since the generator uses each
    picture's; so are counters of batches.

    Args:
        network: built with the released layout; it is changed.
        state: released name -> tensor, such as `blocks.0.0.conv1.weight`, `blocks.0.0.conv1.u0`, `linear.bias`. A
            leading `module.` is removed. If a tensor is float64, the network becomes float64.
        layout: "biggan-pytorch", "spade", "stargan", "srresnet" or "esrgan".

    Returns:
        `network`.
    Raises:
        ValueError: if the layout is unknown, names are missing or unknown, shapes differ, or a normalized layer has no
            `u0`. The network is then unchanged.
    """
    if layout in PICTURE_LAYOUTS:
        return load_pictures(network, state, layout)
    _require_biggan(network, layout)
    rules = FROM_RELEASED_BOTH + (
        FROM_RELEASED_GENERATOR if isinstance(network, BigGANGenerator) else _DISCRIMINATOR
    )
    named: dict[str, Tensor] = {}
    unused: dict[str, Tensor] = {}
    vectors: dict[str, Tensor] = {}
    head = getattr(network, "head", None)
    without_classes = head is not None and not hasattr(head, "embedding")
    for full_name, value in state.items():
        released_name = full_name.removeprefix("module.")
        name = renamed(released_name, rules)
        if _IGNORED.search(released_name) or (without_classes and name.startswith("head.embedding.")):
            unused[released_name] = value.detach().cpu().clone()
            continue
        named[name] = value
        if released_name.endswith(".u0"):
            vectors[released_name] = value.detach().cpu().clone()
    translated = _for_layers(network, named)
    require_match(network, translated)
    if any(value.dtype == torch.float64 for value in translated.values()):
        network.double()
    network.load_state_dict(translated)
    vars(network)[_LOADED] = (unused, vectors)
    return network


def save_released(network: nn.Module, layout: str = LAYOUT) -> dict[str, Tensor]:
    """Return the network's weights under their released names: the inverse of `load_released`.

    Layers with spectral norm give the raw weight, the vector `u0` and the singular value `sv0`, which released code
    only logs: the loaded one, or the current estimate once the layer was trained. Tensors that `load_released` read and
    the network has no use for, such as an unused class embedding, are returned too.

    In the layout "spade" a layer with spectral norm gives `weight_orig`, `weight_u` and the `weight_v` that follows
    from them. StarGAN's running statistics are not made up: load the result with `strict=False` there.

    Args:
        network: a network of the layout, unchanged.
        layout: "biggan-pytorch", "spade", "stargan", "srresnet" or "esrgan".

    Returns:
        Released name -> copy of the tensor on the CPU, in the network's data type.
    Raises:
        ValueError: if the layout is unknown, or if a layer has a weight normalization that released code lacks.
    """
    if layout in PICTURE_LAYOUTS:
        return save_pictures(network, layout)
    _require_biggan(network, layout)
    rules: tuple[tuple[str, Any], ...] = TO_RELEASED_BOTH
    if isinstance(network, BigGANGenerator):
        rules += TO_RELEASED_GENERATOR
    else:
        head = getattr(network, "head", None)
        rules += _OF_CLASS_SCORES if getattr(head, "class_bias", None) is not None else ()
        rules += _OF_DISCRIMINATOR
    plain: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        match = re.fullmatch(r"(.*)\.parametrizations\.weight\.(original|0\.u)", name)
        if match is None and ".parametrizations." in name:
            raise ValueError(
                f"{name} belongs to a weight normalization that released BigGAN code doesn't have; call "
                "remove_normalization(network) on a copy first, and save that"
            )
        plain[f"{match[1]}.{'weight' if match[2] == 'original' else 'u0'}" if match else name] = value
    plain |= {f"{name}.sv0": value.reshape(1) for name, value in singular_values(network).items()}
    saved: dict[str, Tensor] = {}
    for ours, value in plain.items():
        saved[renamed(ours, rules)] = value.detach().cpu().clone()
    unused, vectors = vars(network).get(_LOADED, ({}, {}))
    return saved | _still_valid(unused, vectors, saved)


def _still_valid(
    unused: dict[str, Tensor], vectors: dict[str, Tensor], saved: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the loaded tensors that the network doesn't use, without singular values of layers that were trained."""
    valid: dict[str, Tensor] = {}
    for name, value in unused.items():
        vector = f"{name.rpartition('.')[0]}.u0"
        if re.search(r"\.sv\d+$", name) and vector in vectors:
            # A layer in train mode moves its u with every forward pass; a layer without a norm has none.
            current = saved.get(vector)
            if current is None or not torch.equal(current, vectors[vector].to(current)):
                continue
        valid[name] = value.clone()
    return valid


def _require_biggan(network: nn.Module, layout: str) -> None:
    if layout != LAYOUT:
        raise ValueError(
            f"there is no layout {layout!r} of released weights; choose one of {(LAYOUT, *PICTURE_LAYOUTS)}"
        )
    if not isinstance(network, BigGANGenerator | BigGANDiscriminator):
        raise ValueError(
            f'the layout "{LAYOUT}" has weights of BigGANs, and the network is a {type(network).__name__}; choose one '
            f"of {PICTURE_LAYOUTS}, or pass a BigGAN"
        )


def _for_layers(network: nn.Module, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights and vectors u under their names in this network, whose layers may be normalized or not."""
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
                    "load them before normalize_weights, or exclude that layer with `include`"
                )
            translated[f"{path}.parametrizations.weight.original"] = value
        elif leaf == "weight" and vector is not None:
            translated[name] = divided_by_iteration(value, vector)
        else:
            translated[name] = value
    return translated
