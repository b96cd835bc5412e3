"""Reading of state dicts from files of other projects: tensors only, and nothing in a file is executed."""

from __future__ import annotations

import errno
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import safe_globals


class _NumpyStandIn:
    """A replacement for NumPy's scalars and data types in a file: it keeps nothing and calls nothing."""

    def __init__(self, *arguments: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


NUMPY_NAMES = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
"""The NumPy names in discriminator files of StudioGAN, which hold a score as a NumPy scalar (NumPy 1 and 2)."""


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a state dict in a file of `torch.save`, or in a .safetensors file.

    The file is opened with `weights_only=True`. The state dict may be the content of the file or its entry
    "state_dict"; a leading "module." is removed from names. In addition, NUMPY_NAMES may occur in the file;
    they are replaced by objects without effect.

    Args:
        path: the file.
    Returns:
        Name -> tensor on the CPU.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds anything but tensors, or is the state of an optimizer.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name the file with the weights")
    if not path.is_file():
        raise ValueError(f"{path} is not a file: name the file with the weights, such as G_ema.pth")
    content = _safetensors(path) if path.suffix == ".safetensors" else _saved_by_torch(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if isinstance(content, Mapping) and {"state", "param_groups"} <= content.keys():
        raise ValueError(f"{path} is the state of an optimizer: name the file with the generator's weights")
    if not isinstance(content, Mapping) or not content:
        raise ValueError(
            f"{path} holds {_described(content)}, not a state dict: name the file with the generator's weights"
        )
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if others or not all(isinstance(name, str) for name in content):
        raise ValueError(
            f"{path} is not a state dict: {', '.join(sorted(others)[:8]) or 'a name'} is not a tensor with a name. "
            "Name the file with the generator's weights"
        )
    named = {name.removeprefix("module."): value.detach() for name, value in content.items()}
    if len(named) < len(content):
        raise ValueError(
            f"{path} holds names with and without a leading 'module.': copy or download it again"
        )
    _require_plain(named, path)
    return named


def _saved_by_torch(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if zipped or zipfile.is_zipfile(path):
        _require_intact(path)
    try:
        with safe_globals([(_NumpyStandIn, name) for name in NUMPY_NAMES]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many types of exceptions for files of other formats
        if _is_failure(error):
            raise
        text = str(error)
        if found := re.search(r"GLOBAL `?([\w.]+)", text):
            raise ValueError(
                f"{path} holds code or objects besides tensors ({found[1]}), and everymode executes nothing from a "
                "file: name a file with a state dict"
            ) from error
        if "reduce" in text or "new object" in text or "build" in text:
            raise ValueError(
                f"{path} holds objects besides tensors, and everymode executes nothing from a file: name a file with a "
                "state dict"
            ) from error
        raise ValueError(
            f"{path} is damaged, or not a file of torch.save: copy or download it again"
        ) from error


def _require_intact(path: Path) -> None:
    """Raise ValueError unless a zip file has correct checksums and no compression, which torch.save doesn't use."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.filename.endswith("/constants.pkl") for entry in entries):
                raise ValueError(f"{path} is a TorchScript archive: name a file with a state dict")
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if compressed or sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise ValueError(
                    f"{path} is a compressed zip file, not a file of torch.save: extract the file with the weights"
                )
            wrong = archive.testzip()
    except (zipfile.BadZipFile, EOFError, UnicodeError, NotImplementedError, RuntimeError, OSError) as error:
        if _is_failure(error):
            raise
        raise ValueError(f"{path} is damaged ({error}): copy or download it again") from error
    if wrong is not None:
        raise ValueError(f"{path} is damaged (checksum of {wrong}): copy or download it again")


def _is_failure(error: Exception) -> bool:
    """Return whether the system failed to read a file; False if positions in a damaged file are impossible."""
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, KeyError, RuntimeError, MemoryError) as error:
        raise ValueError(
            f"{path} is damaged or not a safetensors file ({error}): copy or download it again"
        ) from error


def _require_plain(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise ValueError if a tensor is not a plain array of numbers, or they claim more bytes than the file has."""
    for name, value in tensors.items():
        if value.layout is not torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise ValueError(
                f"{path} holds {name} as a {str(value.layout).removeprefix('torch.')} tensor of {value.dtype}, and "
                "only plain real numbers can be read: save a plain state dict"
            )
    claimed = sum(value.numel() * value.element_size() for value in tensors.values())
    if claimed > path.stat().st_size:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, but its tensors claim {claimed:,}: copy or download it again"
        )


def _described(content: object) -> str:
    if isinstance(content, Tensor):
        return "one tensor"
    return "an empty dictionary" if isinstance(content, Mapping) else f"a {type(content).__name__}"
