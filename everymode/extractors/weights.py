"""Weights of extractors: reading a file safely, its hash, and sentences for files that don't fit."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from everymode.extractors.classifier_cache import cached_folder
from everymode.storage.atomic import atomic_file

__all__ = ["WeightsFile", "frozen", "load_weights", "read_weights", "weights_path"]

TIMEOUT_SECONDS = 60


class WeightsFile(NamedTuple):
    """Tensors of a file by name, the file's SHA-256 (hexadecimal), and where it lies."""

    tensors: dict[str, Tensor]
    sha256: str
    path: Path


def weights_path(path_or_url: str | Path) -> Path:
    """A local path as it is; an http(s) address is downloaded once into the folder of kept files.

    Raises:
        FileNotFoundError: no such file, or an address that can't be had.
    """
    text = str(path_or_url)
    if text.startswith(("http://", "https://")):
        return _downloaded(text)
    path = Path(path_or_url).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no weights file {path} (looked for {path.absolute()}); check the path"
        )
    return path


def _downloaded(address: str) -> Path:
    folder = cached_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:12]}-{address.rsplit('/', 1)[-1][:80]}"
    if place.is_file():
        return place
    try:
        with atomic_file(place, shared=True) as beside:
            with (
                urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer,
                beside.open("wb") as file,
            ):
                expected = answer.headers.get("Content-Length")
                while piece := answer.read(2**20):
                    file.write(piece)
            if expected is not None and beside.stat().st_size != int(expected):
                raise OSError(f"{beside.stat().st_size} of {expected} bytes came")
    except (OSError, urllib.error.URLError) as error:
        raise FileNotFoundError(
            f"{address} can't be downloaded ({error}); download it by other means and give the local path"
        ) from error
    return place


def read_weights(path: Path) -> WeightsFile:
    """Tensors of a .safetensors file, or of a PyTorch file that holds tensors and nothing that runs.

    Raises:
        ValueError: a file of another kind.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole .safetensors file ({error})") from error
    except Exception as error:  # torch.load tells a foreign file by whatever its unpickler stumbles over
        raise ValueError(
            f"{path} is not a file of PyTorch tensors ({type(error).__name__}: {str(error)[:200]}); "
            f"give a state dict saved by torch.save, or a .safetensors file"
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(
            f"{path} holds {type(tensors).__name__}, not tensors by name; give the plain state dict of the network"
        )
    return WeightsFile(dict(tensors), digest, path)


def load_weights(network: nn.Module, file: WeightsFile, what: str) -> None:
    """Load a file into `network`, every tensor of which must be there in the right shape.

    The counters of batch normalization (`num_batches_tracked`) mean nothing here and may be absent.

    Raises:
        ValueError: names or shapes of another network; the sentence says which, and what was expected.
    """
    wanted = network.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in file.tensors and name not in counters]
    extra = [name for name in file.tensors if name not in wanted]
    other = [
        f"{name} {list(file.tensors[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in file.tensors and file.tensors[name].shape != tensor.shape
    ]
    if missing or extra or other:
        troubles = [
            f"{len(names)} {kind} (such as {names[0]})"
            for kind, names in (("missing", missing), ("not expected", extra), ("of another shape", other))
            if names
        ]
        raise ValueError(f"{file.path} does not hold {what}: of its tensors, {'; '.join(troubles)}")
    network.load_state_dict(file.tensors, strict=False, assign=False)


def frozen(network: nn.Module) -> nn.Module:
    """The network in eval mode, float32, without gradients, laid out so that convolutions are fast."""
    return network.eval().requires_grad_(False).float().to(memory_format=torch.channels_last)
