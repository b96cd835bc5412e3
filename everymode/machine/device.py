"""Choice of the device to compute on: the requested one, or a GPU if there is one."""

from __future__ import annotations

import torch

from everymode.machine.distributed import World


def find_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device of a name such as "cpu", "cuda" or "cuda:1", and make a GPU the current device.

    Args:
        name: None means a GPU if there is one, else the CPU. "cuda" without an index means this process's GPU.

    Raises:
        ValueError: if the name is not a device, or names a GPU and torch sees none.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f'device is "cpu", "cuda" or "cuda:1", not {name!r}') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda is requested, but torch sees no GPU: leave --device out to use the CPU")
    if device.type == "cuda":
        device = torch.device("cuda", World.local_rank() if device.index is None else device.index)
        torch.cuda.set_device(device)
    return device
