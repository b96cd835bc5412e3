"""Storage of encoders: weights as safetensors, and a JSON file of the same name with shapes and facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from everymode.inversion.classes import ClassLogits, ClassTarget, UnitRows
from everymode.inversion.encoder import Encoder, LayerEncoder
from everymode.storage.atomic import atomic_file, write_text_atomic
from everymode.storage.hashing import sha256_of
from everymode.storage.json_files import read_object

__all__ = ["load_encoder", "save_encoder"]

FORMAT = 1
ROWS = "classes.rows"
"""Name of the class table among the tensors."""
MOST_NUMBERS = 2**30
"""Largest number of weights that is allocated for a file."""
TYPES = {
    "format": int,
    "layers": list,
    "shapes": list,
    "channels": int,
    "latent_dim": int,
    "width": int,
    "classes": dict,
    "facts": dict,
    "generator": str,
    "sha256": str,
}


def save_encoder(encoder: Encoder, path: str | Path, *, generator: str = "") -> Path:
    """Write an encoder to `path` (safetensors) and to the file of the same name that ends in .json, atomically each.

    Args:
        encoder: the encoder.
        path: file that ends in .safetensors; its folder is created.
        generator: hash of the generator's weights, which `load_encoder` returns.

    Returns:
        The path.
    Raises:
        ValueError: if the path does not end in .safetensors.
        OSError: if a file can't be written.
    """
    path = _checked(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in encoder.state_dict().items()}
    classes: dict[str, Any] = {}
    if isinstance(encoder.classes, UnitRows):
        state[ROWS] = encoder.classes.rows.detach().cpu().contiguous()
        classes = {"kind": "rows"}
    elif encoder.classes is not None:
        sizes = encoder.classes.sizes
        classes = {"kind": "logits", "num_classes": encoder.classes.outputs if sizes is None else list(sizes)}
    links = [cast(LayerEncoder, link) for link in encoder.links]
    entry = cast(nn.Conv2d, links[0].first[0])
    with atomic_file(path) as temporary:
        save_file(state, temporary)
    record = {
        "format": FORMAT,
        "layers": list(encoder.layers),
        "shapes": [[link.last.out_channels, *link.size] for link in reversed(links)],
        "channels": entry.in_channels,
        "latent_dim": encoder.latent_dim,
        "width": entry.out_channels,
        "classes": classes,
        "facts": dict(encoder.facts),
        "generator": generator,
        "sha256": sha256_of(path),
    }
    write_text_atomic(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    return path


def load_encoder(path: str | Path) -> tuple[Encoder, str]:
    """Read an encoder that `save_encoder` wrote.

    Args:
        path: the file that ends in .safetensors.

    Returns:
        The encoder, frozen, in eval mode; and the hash of its generator's weights.
    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or both don't belong together.
    """
    path = _checked(path)
    facts = path.with_suffix(".json")
    for file in (path, facts):
        if not file.is_file():
            raise FileNotFoundError(f"there is no {file}: an encoder is a .safetensors file and a .json file")
    record = read_object(facts, "the facts of an encoder", TYPES)
    missing = [name for name in TYPES if name not in record]
    if missing or record["format"] != FORMAT or record["sha256"] != sha256_of(path):
        raise ValueError(
            f"{path} and {facts.name} don't belong together, or have another format: copy both files of one encoder, "
            "or fit it again"
        )
    try:
        state = load_file(path)
        rows = state.pop(ROWS, None)
        encoder = _built(record, rows)
        encoder.load_state_dict(state)
    except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold the encoder that {facts.name} describes ({str(error)[:200]}): fit it again"
        ) from error
    encoder.facts = record["facts"]
    return encoder.eval().requires_grad_(False), record["generator"]


def _built(record: dict[str, Any], rows: Tensor | None) -> Encoder:
    classes: ClassTarget | None = None
    if record["classes"].get("kind") == "rows":
        if rows is None:
            raise ValueError("it lacks the table of its classes")
        classes = UnitRows(rows)
    elif record["classes"]:
        sizes = record["classes"]["num_classes"]
        classes = ClassLogits(tuple(sizes) if isinstance(sizes, list) else sizes)
    shapes = [(int(shape[0]), int(shape[1]), int(shape[2])) for shape in record["shapes"]]

    def new() -> Encoder:
        return Encoder(
            record["layers"],
            shapes,
            channels=record["channels"],
            latent_dim=record["latent_dim"],
            classes=classes,
            width=record["width"],
        )

    with torch.device("meta"):
        numbers = sum(tensor.numel() for tensor in new().state_dict().values())
    if numbers > MOST_NUMBERS:
        raise ValueError(f"it would have {numbers:,} weights")
    with torch.random.fork_rng(devices=[]):
        return new()


def _checked(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"an encoder is a .safetensors file, not {path}")
    return path
