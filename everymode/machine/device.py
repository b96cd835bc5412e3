"""Where to compute: the device that is asked for, or a GPU if there is one."""

from __future__ import annotations

import torch

from everymode.machine.distributed import World


def find_device(name: str | torch.device | None = None) -> torch.device:
    """The device of a name such as "cpu", "cuda" or "cuda:1"; None = a GPU if there is one, else the CPU.

    "cuda" without a number is this process's own GPU, which becomes the current one.

    Raises ValueError for a name that means no device, and for a GPU where torch sees none.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f'device is "cpu", "cuda" or "cuda:1", not {name!r}') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device cuda was asked for, but torch sees no GPU: leave --device out to use the CPU"
        )
    if device.type == "cuda":
        device = torch.device("cuda", World.local_rank() if device.index is None else device.index)
        torch.cuda.set_device(device)
    return device
