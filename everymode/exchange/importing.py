"""Generators from the files of other projects: BigGAN-PyTorch, StudioGAN, and others by a map of names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everymode.exchange.dividing import divided_by_iteration, divided_by_stored
from everymode.exchange.imported_layout import ImportedLayout, read_layout
from everymode.exchange.release_names import RELEASES, Release, release_called
from everymode.exchange.weight_files import read_state_dict
from everymode.networks.biggan import BigGANGenerator
from everymode.recipe import Recipe
from everymode.recipes.parts.given_labels import Given, NoLabels
from everymode.recipes.parts.imported_networks import ImportedBigGAN
from everymode.recipes.parts.plain_losses import Hinge
from everymode.resolution import AskedResolution, height_and_width, parse_resolution
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of
from everymode.storage.hashing import sha256_of
from everymode.version import __version__

MOST_NAMES = 100
"""Largest number of names in one error message."""
_FOREIGN = (
    ("BigGAN-deep", ("conv3.", "conv4.", "conv2d3.", "conv2d4.")),
    ("a StyleGAN", ("synthesis.", "mapping.", "style.", "to_rgb")),
    ("an InfoGAN", ("info_mix_linear.", "info_proj_linear.")),
    ("Omni-INR-GAN", ("inr_net.",)),
)
"""Networks without a reader, and parts of their tensors' names."""
_OF_DISCRIMINATORS = ("embed.", "linear1.", "linear2.", "embedding.", "linear_c.", "head.")


def import_weights(
    release: str | Path,
    file: str | Path,
    *,
    license: str,
    source: str,
    norm_epsilon: float | None = None,
    resolution: AskedResolution | None = None,
    standing_statistics: bool | None = None,
    tables: bool | None = None,
) -> Generator:
    """Return the BigGAN generator in a file of another project, which draws as the released code does in eval mode.

    The numbers of the network are read from the names and shapes of the tensors. Weights under spectral norm are
    divided by the singular value of the released eval mode: BigGAN-PyTorch makes one power iteration from the stored
    u0, StudioGAN takes u W v with the stored u and v. Activations are ReLUs, and z is standard normal, as in the
    published configurations. The weights become float32. `save(folder)` of the result writes a folder that
    `everymode.load` opens; license and source are in its model card.

    A custom map is a JSON file that maps each name in the file to a name of `BigGANGenerator.state_dict()`,
    or to null if the tensor has no effect. Vectors of spectral norm map to LAYER.u, or LAYER.u and LAYER.v: with u
    alone there is one power iteration, as in BigGAN-PyTorch.

    Sources: ajbrock/BigGAN-PyTorch (BigGAN.py, layers.py); POSTECH-CVLab/PyTorch-StudioGAN
    (src/models/big_resnet.py, src/utils/ops.py).

    Args:
        release: "biggan-pytorch", "studiogan", or the path of a JSON file.
        file: a state dict, as written by `torch.save` or safetensors, such as G_ema.pth.
        license: the license of the weights, such as "mit".
        source: address from which the weights came.
        norm_epsilon: epsilon of the batch normalizations; None = that of the release, 1e-5 or 1e-4. Weights that
            BigGAN-PyTorch converted from TensorFlow Hub have 1e-4.
        resolution: side or (height, width) of the images; None = read from the shapes, which works for squares.
        standing_statistics: whether running statistics are sums over `accumulation_counter` batches (BigGAN-PyTorch's
            "mybn" after accumulation). It can't be read from a file whose counters are not zero.
        tables: whether the normalizations have a table per class, if the shapes don't show it.

    Returns:
        A generator with labels by number, 0 to classes - 1, or without labels.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if the file is damaged or holds code, a discriminator or another network; if tensors are missing or
            unused, which are listed; or if something can't be read and its argument is not set.
    """
    conventions = release_called(release)
    for name, value in (("license", license), ("source", source)):
        if not value.strip():
            raise ValueError(f"{name} is empty: state the {name} of the weights (--{name})")
    epsilon = _epsilon(conventions, norm_epsilon)
    size = None if resolution is None else height_and_width(parse_resolution(resolution))
    file = Path(file)
    state = read_state_dict(file)
    try:
        weights, released = _named(state, conventions, standing_statistics)
        _require_generator(weights, state, conventions)
        attention = {int(name.split(".")[1]) for name in weights if re.match(r"attention\.\d+\.", name)}
        spectral = conventions.is_spectral(state)
        layout = read_layout(
            weights,
            size=size,
            tables=conventions.tables if tables is None else tables,
            called=lambda name: conventions.released_name(name, attention, spectral),
        )
        network = _filled(layout, epsilon, weights, released, state.keys(), conventions)
    except ValueError as error:
        raise ValueError(f"{file}: {error}{_foreign(state)}") from error
    recipe = recipe_of_layout(layout, epsilon, conventions.name)
    labels = recipe.labels
    assert labels is not None  # recipe_of_layout sets it
    config = {
        "everymode": __version__,
        "format": FORMAT,
        "recipe": record_of(recipe),
        "license": license.strip(),
        "imported": {
            "release": conventions.name,
            "source": source.strip(),
            "sha256": sha256_of(file),
        },
    }
    return Generator(network, labels.source(recipe), config=config)


def recipe_of_layout(layout: ImportedLayout, norm_epsilon: float, name: str) -> Recipe:
    """Return the recipe that builds an imported generator.

    Args:
        layout: the numbers of the network.
        norm_epsilon: epsilon of the batch normalizations.
        name: name of the release.
    """
    height, width = layout.size
    return Recipe(
        name=f"imported-{name.lower()}",
        resolution=height if height == width else (height, width),
        channels=layout.channels,
        num_classes=layout.num_classes or 0,
        networks=ImportedBigGAN(
            widths=layout.widths,
            width=max(layout.widths[0] // (4 if len(layout.widths) < 5 else 16), 1),
            attention_sizes=layout.attention,
            latent_dim=layout.latent_dim,
            shared_dim=layout.shared_dim or 0,
            hierarchical=layout.hierarchical,
            norm_epsilon=norm_epsilon,
        ),
        loss=Hinge(head="projection" if layout.num_classes else None),
        labels=Given() if layout.num_classes else NoLabels(),
    )


def _epsilon(release: Release, requested: float | None) -> float:
    epsilon = release.norm_epsilon if requested is None else requested
    if epsilon is None:
        raise ValueError(
            f"the map {release.name} doesn't state the epsilon of the batch normalizations, and weights don't show it: "
            "set norm_epsilon (--norm-epsilon), which is 1e-5 in torch"
        )
    if not 0 < epsilon < 1:
        raise ValueError(f"norm_epsilon must be above 0 and below 1, not {epsilon}")
    return epsilon


def _named(
    state: Mapping[str, Tensor], release: Release, standing: bool | None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors under our names, and our name -> released name."""
    weights: dict[str, Tensor] = {}
    released: dict[str, str] = {}
    for name, ours in release.to_ours(state.keys()).items():
        if ours is None:
            continue
        if ours in weights:
            raise ValueError(f"{released[ours]} and {name} are the same tensor: one of them must be unused")
        weights[ours], released[ours] = state[name], name
    return _with_means(weights, released, state, standing), released


def _with_means(
    weights: dict[str, Tensor],
    released: Mapping[str, str],
    state: Mapping[str, Tensor],
    standing: bool | None,
) -> dict[str, Tensor]:
    """Return the tensors with running statistics that are means: sums are divided by their counter."""
    counters = {
        name.removesuffix("accumulation_counter"): value
        for name, value in state.items()
        if name.endswith(".accumulation_counter") and value.numel() == 1 and float(value) != 0
    }
    if counters and standing is None:
        raise ValueError(
            "its accumulation counters are not zero, and the file doesn't show whether the running statistics are sums "
            "over that number of batches: set standing_statistics (--standing-statistics divides them by the counters, "
            "--no-standing-statistics takes them as they are)"
        )
    if not standing:
        return weights
    if not counters:
        raise ValueError(
            "standing_statistics is set, and the file has no accumulation counter above zero: omit it"
        )
    means = dict(weights)
    for ours, name in released.items():
        counter = counters.get(name.removesuffix(name.rpartition(".")[2]))
        if counter is not None and ours.endswith((".running_mean", ".running_var")):
            means[ours] = weights[ours] / counter
    return means


def _require_generator(weights: Mapping[str, Tensor], state: Mapping[str, Tensor], release: Release) -> None:
    """Raise ValueError, in words, for files that hold another network than the release's generator."""
    for key, other in RELEASES.items():
        if (
            other is not release
            and not _is_generator(weights)
            and _is_generator(other.to_ours(state.keys()).values())
        ):
            raise ValueError(f"it has the names of {other.name}, not of {release.name}: import it as {key}")
    if _is_generator(weights):
        return
    if any(name.startswith(_OF_DISCRIMINATORS) for name in state):
        raise ValueError(
            "it holds a discriminator: name the file with the generator's weights (G_ema.pth, or "
            "model=G_ema-best-weights-step=N.pth)"
        )
    raise ValueError(f"it holds no generator of {release.name}; {_shown(state)}")


def _is_generator(names: Iterable[str | None]) -> bool:
    return any(name is not None and name.startswith(("output_conv.", "output_norm.")) for name in names)


def _foreign(state: Mapping[str, Tensor]) -> str:
    """Return a sentence on the network that a file that can't be imported seems to hold, or ""."""
    for network, parts in _FOREIGN:
        if any(part in name for name in state for part in parts):
            return f". It seems to hold {network}, which has no reader"
    return ""


def _filled(
    layout: ImportedLayout,
    epsilon: float,
    weights: dict[str, Tensor],
    released: Mapping[str, str],
    names: Collection[str],
    release: Release,
) -> BigGANGenerator:
    """Return the network with the weights; raise ValueError if tensors are missing, unused or of another shape."""
    with torch.device("meta"):
        network = _network(layout, epsilon)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    vectors = _vectors(layout, expected, weights, names, release)
    missing = (expected.keys() | vectors) - weights.keys()
    unused = weights.keys() - expected.keys() - vectors
    if missing or unused:
        attention = {int(name.split(".")[1]) for name in expected if name.startswith("attention.")}
        _raise_misfits(
            [
                release.released_name(name, attention, f"{name.rpartition('.')[0]}.u" in vectors)
                for name in sorted(missing)
            ],
            [released[name] for name in sorted(unused)],
        )
    for name, shape in expected.items():
        if weights[name].numel() == 1 and shape == ():
            weights[name] = weights[name].reshape(())
        if tuple(weights[name].shape) != shape:
            raise ValueError(
                f"{released[name]} has shape {list(weights[name].shape)}, and {list(shape)} is expected: the file is "
                "damaged, or holds another network"
            )
        if not weights[name].is_floating_point():
            raise ValueError(
                f"{released[name]} has integers ({weights[name].dtype}), and weights are real numbers"
            )
    plain = {name: _divided(name, weights, released) for name in expected}
    for name, value in plain.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(
                f"{released[name]} is not finite: the file has NaN or infinite numbers, or a singular value of 0"
            )
        if name.endswith(".running_var") and bool((value < 0).any()):
            raise ValueError(f"{released[name]} has negative variances: the file is damaged")
    network.load_state_dict(plain, assign=True)
    return network


def _network(layout: ImportedLayout, epsilon: float) -> BigGANGenerator:
    return BigGANGenerator(
        layout.size,
        widths=layout.widths,
        num_classes=layout.num_classes,
        latent_dim=layout.latent_dim,
        channels=layout.channels,
        shared_dim=layout.shared_dim,
        hierarchical=layout.hierarchical,
        attention=layout.attention,
        norm_epsilon=epsilon,
    )


def _vectors(
    layout: ImportedLayout,
    expected: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    names: Collection[str],
    release: Release,
) -> set[str]:
    """Return the names of the vectors of spectral norm that belong to the file.

    In released code either all layers have them, except for embeddings, or none; with a map, those that it names.
    """
    layers = [name.removesuffix(".weight") for name in expected if name.endswith(".weight")]
    if not release.vectors:
        return {f"{layer}.{end}" for layer in layers for end in "uv" if f"{layer}.{end}" in weights}
    if not release.is_spectral(names):
        return set()
    tables = layout.num_classes is not None and layout.shared_dim is None
    embeddings = {layer for layer in layers if layer == "shared" or (tables and ".norm" in layer)}
    return {f"{layer}.{end}" for layer in layers if layer not in embeddings for end in release.vectors}


def _raise_misfits(missing: list[str], unused: list[str]) -> None:
    lines = []
    for title, names in (("missing", missing), ("unused", unused)):
        if names:
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            lines.append(f"{len(names)} {title}: {', '.join(names[:MOST_NAMES])}{more}")
    raise ValueError(
        f"the tensors don't fit one generator ({'; '.join(lines)}). The file is damaged, or holds another network"
    )


def _divided(name: str, weights: Mapping[str, Tensor], released: Mapping[str, str]) -> Tensor:
    """Return a tensor; a weight with vectors is divided by the singular value of the released eval mode."""
    value = weights[name].float()
    layer, _, leaf = name.rpartition(".")
    left, right = weights.get(f"{layer}.u"), weights.get(f"{layer}.v")
    if leaf != "weight" or left is None:
        return value
    rows, columns = len(value), value[0].numel()
    if left.numel() != rows or (right is not None and right.numel() != columns):
        raise ValueError(
            f"the vectors of {released[name]}, of shape {list(value.shape)}, have {left.numel()}"
            f"{'' if right is None else f' and {right.numel()}'} numbers; {rows} and {columns} are expected"
        )
    if not bool(value.any()) or not bool(left.any()):
        raise ValueError(
            f"{released[name]} or its vector is 0, and so is its singular value: the file is damaged"
        )
    if right is None:
        return divided_by_iteration(value, left.float())
    return divided_by_stored(value, left.float().flatten(), right.float().flatten())


def _shown(state: Mapping[str, Tensor]) -> str:
    names = list(state)
    return f"its {len(names)} tensors are {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
