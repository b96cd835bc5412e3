"""Choice of the device to compute on: the requested one, or a GPU if there is one."""

from __future__ import annotations

import torch

from everymode.machine.distributed import World

_KINDS = {"cuda": "GPU", "mps": "Apple GPU", "xpu": "Intel GPU"}
"""Type of a device -> its name in error messages."""
_NO_DEVICE = 'device is "cpu", "cuda" or "cuda:1", not {!r}'


def find_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device of a name such as "cpu", "cuda" or "cuda:1", and make a GPU the current device.

    Args:
        name: None means a GPU if there is one, else the CPU. "cuda" without an index means this process's GPU.

    Raises:
        ValueError: if the name is not a device, or names one that torch doesn't see.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = checked_device(name)
    if device.type == "meta":
        raise ValueError(_NO_DEVICE.format(str(name)))
    if device.type == "cuda":
        device = torch.device("cuda", World.local_rank() if device.index is None else device.index)
        torch.cuda.set_device(device)
    return device


def checked_device(name: str | torch.device) -> torch.device:
    """Return the device of a name, after a check that this machine has it. The current device stays the same.

    Raises:
        ValueError: if the name is not a device, or names one that torch doesn't see.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(_NO_DEVICE.format(name)) from error
    if device.type in ("cpu", "meta"):  # meta tensors have shapes only, on any machine
        return device
    if device.type not in _KINDS:
        raise ValueError(_NO_DEVICE.format(str(name)))
    number = torch.get_device_module(device).device_count()
    if number == 0:
        kind = _KINDS[device.type]
        raise ValueError(
            f"device {device.type} is requested, but torch sees no {kind}: leave --device out to use the CPU"
        )
    if device.index is not None and device.index >= number:
        raise ValueError(
            f"device {device} is requested, but torch sees {number}, numbered from 0: use {device.type}:0 to "
            f"{device.type}:{number - 1}, or leave --device out"
        )
    return device
