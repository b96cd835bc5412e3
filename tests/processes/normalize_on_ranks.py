"""Batch norm of the rows that each of two processes holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from everymode.norms import BatchNorm, ConditionalBatchNorm2d, synchronize_batch_norm


def normalize_on_ranks(folder: Path) -> None:
    """Normalize this rank's share of folder/given.pt, with statistics over both, and save all that comes of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    given = torch.load(folder / "given.pt")
    rows = slice(0, given["split"]) if rank == 0 else slice(given["split"], None)
    layers = nn.ModuleList([ConditionalBatchNorm2d(3, partial(nn.Embedding, 4)), BatchNorm(3)]).double()
    layers.load_state_dict(given["layers"])
    synchronize_batch_norm(layers)
    x = given["x"][rows].clone().requires_grad_()
    out = layers[1](layers[0](x, given["labels"][rows]))
    (out * given["pull"][rows]).sum().backward()
    gains = [parameter.grad for parameter in layers.parameters()]
    for gradient in gains:
        dist.all_reduce(gradient)
    layers.eval()
    result = {"out": out.detach(), "grad": x.grad, "gains": gains, "layers": layers.state_dict()}
    torch.save(result, folder / f"rank{rank}.pt")
    dist.destroy_process_group()
