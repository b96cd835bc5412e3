"""Weights of extractors: safe reading of files, their hashes, and error messages for files that don't fit."""

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
from everymode.storage.hashing import sha256_of

__all__ = ["WeightsFile", "frozen", "load_weights", "read_weights", "weights_path"]

TIMEOUT_SECONDS = 60


class WeightsFile(NamedTuple):
    """Tensors of a file by name, the file's SHA-256 (hexadecimal), and its path."""

    tensors: dict[str, Tensor]
    sha256: str
    path: Path


def weights_path(path_or_url: str | Path) -> Path:
    """Return the local path of a weights file. An http(s) address is downloaded once into the cache folder.

    Raises:
        FileNotFoundError: if there is no such file, or if the address can't be downloaded.
    """
    text = str(path_or_url)
    if text.startswith(("http://", "https://")):
        return _downloaded(text)
    path = Path(path_or_url).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file {path} ({path.absolute()}); check the path")
    return path


def _downloaded(address: str) -> Path:
    folder = cached_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:12]}-{address.rsplit('/', 1)[-1][:80]}"
    if path.is_file():
        return path
    try:
        with atomic_file(path, shared=True) as temporary:
            with (
                urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response,
                temporary.open("wb") as file,
            ):
                expected = response.headers.get("Content-Length")
                while chunk := response.read(2**20):
                    file.write(chunk)
            if expected is not None and temporary.stat().st_size != int(expected):
                raise OSError(f"only {temporary.stat().st_size} of {expected} bytes were received")
    except (OSError, urllib.error.URLError) as error:
        raise FileNotFoundError(
            f"{address} can't be downloaded ({error}); download it by other means and give the local path"
        ) from error
    return path


def read_weights(path: Path) -> WeightsFile:
    """Read the tensors of a .safetensors file or a PyTorch file; code in a file is never run.

    Raises:
        ValueError: if the file is damaged or holds anything but tensors.
    """
    digest = sha256_of(path)
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a complete .safetensors file ({error}); copy or download it again"
        ) from error
    except Exception as error:  # torch.load raises many types of exceptions for files of other formats
        raise ValueError(
            f"{path} is not a file of PyTorch tensors ({type(error).__name__}: {str(error)[:200]}); "
            f"give a state dict saved by torch.save, or a .safetensors file"
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(
            f"{path} holds {type(tensors).__name__}, not tensors by name; give the state dict of the network"
        )
    return WeightsFile(dict(tensors), digest, path)


def load_weights(network: nn.Module, file: WeightsFile, title: str) -> None:
    """Load a file into `network`; all tensors must be present and have the right shapes.

    The counters of batch normalization (`num_batches_tracked`) are not used and may be absent.

    Args:
        network: receives the weights.
        file: the file's tensors.
        title: name of the network in the error message.

    Raises:
        ValueError: if names or shapes are those of another network; the message lists the differences.
    """
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = [name for name in expected if name not in file.tensors and name not in counters]
    unexpected = [name for name in file.tensors if name not in expected]
    reshaped = [
        f"{name} {list(file.tensors[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in file.tensors and file.tensors[name].shape != tensor.shape
    ]
    if missing or unexpected or reshaped:
        groups = (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        differences = [f"{len(names)} {kind} (such as {names[0]})" for kind, names in groups if names]
        raise ValueError(
            f"{file.path} does not hold {title}: tensors are {'; '.join(differences)}; give the file of this network"
        )
    network.load_state_dict(file.tensors, strict=False, assign=False)


def frozen(network: nn.Module) -> nn.Module:
    """Put a network in eval mode, float32 and channels-last format without gradients, and return it."""
    return to_channels_last(network.eval().requires_grad_(False).float())


def to_channels_last(network: nn.Module) -> nn.Module:
    """Convert a network to channels-last memory format, in which convolutions are faster, and return it."""
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's overloads lack it
