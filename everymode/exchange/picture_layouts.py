"""Names of released weights of networks that take pictures or label maps as condition.

Layouts: "spade" (NVlabs/SPADE: generator, encoder, critic), "stargan" (yunjey/stargan: generator, critic), "srresnet"
and "esrgan" (xinntao/BasicSR; for the latter the generator's names of xinntao/ESRGAN load too).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from everymode.networks.patch import PatchDiscriminator
from everymode.networks.restorer import SRGenerator
from everymode.networks.rrdb import RRDBGenerator
from everymode.networks.spade import SpadeGenerator
from everymode.networks.spade_encoder import SpadeEncoder
from everymode.networks.translator import StarDiscriminator, StarGenerator
from everymode.networks.vgg_discriminator import VGGDiscriminator

Rules = tuple[tuple[str, Any], ...]
"""(pattern, replacement) pairs, applied one after another."""

_SPADE_BLOCKS = ("head_0", "G_middle_0", "G_middle_1")


def _spade_generator(network: SpadeGenerator) -> Rules:
    def block(match: re.Match[str]) -> str:
        index = int(match[1])
        return f"{_SPADE_BLOCKS[index] if index < 3 else f'up_{index - 3}'}."

    return (
        (r"^first\.", "fc."),
        (r"^output\.", "conv_img."),
        (r"^blocks\.(\d+)\.", block),
        (r"\.conv1\.", ".conv_0."),
        (r"\.conv2\.", ".conv_1."),
        (r"\.shortcut\.", ".conv_s."),
        (r"\.norm1\.", ".norm_0."),
        (r"\.norm2\.", ".norm_1."),
        (r"\.norm_shortcut\.", ".norm_s."),
        (r"\.shared\.", ".mlp_shared.0."),
        (r"\.(gamma|beta)\.", r".mlp_\1."),
        (r"\.norm\.running_", ".param_free_norm.running_"),
    )


def _spade_encoder(network: SpadeEncoder) -> Rules:
    return (
        (r"^convolutions\.(\d+)\.", lambda match: f"layer{int(match[1]) + 1}.0."),
        (r"^mean\.", "fc_mu."),
        (r"^log_variance\.", "fc_var."),
    )


def _patch(network: PatchDiscriminator) -> Rules:
    layers = 1 + max(
        int(match[1])
        for name in network.state_dict()
        if (match := re.match(r"critics\.0\.convolutions\.(\d+)\.", name))
    )
    return (
        (r"^critics\.(\d+)\.convolutions\.0\.", r"discriminator_\1.model0.0."),
        (r"^critics\.(\d+)\.convolutions\.(\d+)\.", r"discriminator_\1.model\2.0.0."),
        (r"^critics\.(\d+)\.output\.", rf"discriminator_\1.model{layers}.0."),
    )


def _star_generator(network: StarGenerator) -> Rules:
    halvings, blocks = len(network.down), len(network.blocks)
    body = 3 + 3 * halvings
    after = body + blocks

    def numbered(start: int) -> Callable[[re.Match[str]], str]:
        return lambda match: f"main.{start + 3 * int(match[1])}."

    return (
        (r"^first\.", "main.0."),
        (r"^first_norm\.", "main.1."),
        (r"^down\.(\d+)\.", numbered(3)),
        (r"^down_norms\.(\d+)\.", numbered(4)),
        (r"^blocks\.(\d+)\.", lambda match: f"main.{body + int(match[1])}.main."),
        (r"\.main\.conv1\.", ".main.0."),
        (r"\.main\.norm1\.", ".main.1."),
        (r"\.main\.conv2\.", ".main.3."),
        (r"\.main\.norm2\.", ".main.4."),
        (r"^up\.(\d+)\.", numbered(after)),
        (r"^up_norms\.(\d+)\.", numbered(after + 1)),
        (r"^output\.", f"main.{after + 3 * halvings}."),
    )


def _star_discriminator(network: StarDiscriminator) -> Rules:
    return (
        (r"^convolutions\.(\d+)\.", lambda match: f"main.{2 * int(match[1])}."),
        (r"^score_head\.", "conv1."),
        (r"^class_head\.", "conv2."),
    )


_ENDS: Rules = ((r"^first\.", "conv_first."), (r"^hidden\.", "conv_hr."), (r"^output\.", "conv_last."))


def _sr_generator(network: SRGenerator) -> Rules:
    return (
        *_ENDS,
        (r"^blocks\.", "body."),
        (r"^upsamplers\.(\d+)\.", lambda match: f"upconv{int(match[1]) + 1}."),
    )


def _rrdb(network: RRDBGenerator) -> Rules:
    return (
        *_ENDS,
        (r"^last_of_body\.", "conv_body."),
        (
            r"^blocks\.(\d+)\.dense\.(\d+)\.convolutions\.(\d+)\.",
            lambda match: f"body.{match[1]}.rdb{int(match[2]) + 1}.conv{int(match[3]) + 1}.",
        ),
        (r"^upsamplers\.(\d+)\.", lambda match: f"conv_up{int(match[1]) + 1}."),
    )


def _vgg(network: VGGDiscriminator) -> Rules:
    def pair(match: re.Match[str]) -> str:
        index = int(match[2])
        return f"{'conv' if match[1] == 'convolutions' else 'bn'}{index // 2}_{index % 2}."

    return ((r"^(norms\.\d+)\.gain$", r"\1.weight"), (r"^(convolutions|norms)\.(\d+)\.", pair))


_RULES: dict[str, dict[type[nn.Module], Callable[[Any], Rules]]] = {
    "spade": {SpadeGenerator: _spade_generator, SpadeEncoder: _spade_encoder, PatchDiscriminator: _patch},
    "stargan": {StarGenerator: _star_generator, StarDiscriminator: _star_discriminator},
    "srresnet": {SRGenerator: _sr_generator},
    "esrgan": {RRDBGenerator: _rrdb, VGGDiscriminator: _vgg},
}
PICTURE_LAYOUTS = tuple(_RULES)
"""Names of the layouts in this file."""
_OLDER: Rules = (
    # xinntao/ESRGAN -> xinntao/BasicSR.
    (r"^RRDB_trunk\.(\d+)\.RDB", r"body.\1.rdb"),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
)
_COUNTERS = re.compile(r"\.num_batches_tracked$")
_RUNNING = re.compile(r"\.running_(mean|var)$")


def released_names(network: nn.Module, layout: str) -> dict[str, str]:
    """Return our name -> released name of every tensor that the network has without weight rules.

    A generator's encoder is left out: it is released in a file by itself.

    Args:
        network: a network of the layout.
        layout: one of PICTURE_LAYOUTS.
    Raises:
        ValueError: if the layout is unknown, or has no network of this kind.
    """
    if layout not in _RULES:
        raise ValueError(
            f"there is no layout {layout!r} of released weights; choose one of {PICTURE_LAYOUTS}"
        )
    of_kind = _RULES[layout].get(type(network))
    if of_kind is None:
        kinds = ", ".join(kind.__name__ for kind in _RULES[layout])
        raise ValueError(
            f'the layout "{layout}" has weights of {kinds}, and the network is a {type(network).__name__}; pass one of '
            "those, or choose another layout"
        )
    rules = of_kind(network)
    names: dict[str, str] = {}
    for full_name in network.state_dict():
        name = _plain(full_name)
        if name is not None and not (isinstance(network, SpadeGenerator) and name.startswith("encoder.")):
            names[name] = renamed(name, rules)
    return names


def renamed(name: str, rules: Rules) -> str:
    """Apply the rules to a name, one after another.

    Args:
        name: a tensor's name.
        rules: (pattern, replacement) pairs.
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def usable(state: Mapping[str, Tensor], network: nn.Module, layout: str) -> dict[str, Tensor]:
    """Return the tensors of a released state dict that a network may need, under their current released names.

    Counters of batches are dropped, and StarGAN's running statistics, which must not be used.

    Args:
        state: released name -> tensor; a leading `module.` is removed.
        network: the network to load into.
        layout: one of PICTURE_LAYOUTS.
    """
    kept: dict[str, Tensor] = {}
    for full_name, value in state.items():
        name = full_name.removeprefix("module.")
        if isinstance(network, RRDBGenerator):
            name = renamed(name, _OLDER)
        if not _COUNTERS.search(name) and not (layout == "stargan" and _RUNNING.search(name)):
            kept[name] = value
    return kept


def _plain(name: str) -> str | None:
    """Return a tensor's name without weight rules, or None for a buffer of a rule."""
    if ".parametrizations." not in name and not name.startswith("parametrizations."):
        return name
    match = re.fullmatch(r"(.*)\.parametrizations\.weight\.original", name)
    return f"{match[1]}.weight" if match else None
