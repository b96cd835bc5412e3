"""Data-parallel training in several processes.

Every rank holds both networks and computes its rows of the global batch; gradients are averaged by one all-reduce of
the flattened gradients per update. No wrapper around the networks is needed, so penalties with double backward, several
passes per update and compiled networks work as in one process. Everything else that is global (random draws, data
order) is a function of the row of the global batch, so the number of ranks does not change the results.

Start with `torchrun --nproc-per-node N -m everymode train ...`.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from everymode.draws import Rows


class _Synchronizable(Protocol):
    """A batch normalization layer that can take its statistics over all ranks."""

    synchronize: bool


class World:
    """Processes of this run. One process is a world of size 1, in which every call is free."""

    def __init__(self, rank: int = 0, size: int = 1, control: dist.ProcessGroup | None = None) -> None:
        self.rank = rank
        self.size = size
        self._control = control

    @classmethod
    def from_environment(cls, *, cuda: bool = False, timeout_minutes: float = 30) -> World:
        """Join the world that torchrun describes in the environment variables; without one, return a world of size 1.

        Args:
            cuda: whether the tensors of the run are on GPUs (backend nccl, else gloo). Flags and barriers always use a
                gloo group, so they never wait for the GPU.
            timeout_minutes: timeout of collective operations on tensors.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size <= 1:
            return cls()
        timeout = datetime.timedelta(minutes=timeout_minutes)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if cuda else "gloo", timeout=timeout)
        # Ranks may wait for hours while one of them prepares data. If a rank dies, torchrun ends the others.
        group = dist.new_group(backend="gloo", timeout=datetime.timedelta(days=7))
        # The type allows an int, which marks processes outside the group; this group has all processes.
        control = cast("dist.ProcessGroup", group)
        return cls(dist.get_rank(), dist.get_world_size(), control)

    @staticmethod
    def local_rank() -> int:
        """Return the rank of this process on its machine, which is the index of its GPU."""
        return int(os.environ.get("LOCAL_RANK", "0"))

    @property
    def is_writer(self) -> bool:
        """Whether this process writes files and prints; exactly one process does."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks.

        A missing gradient is set to zero, in a world of size 1 too: whether weight decay changes a parameter without a
        gradient must not depend on the number of ranks.
        """
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        gradients: list[Tensor] = []
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        pieces = flat.split([gradient.numel() for gradient in gradients])
        views = [piece.view(gradient.shape) for piece, gradient in zip(pieces, gradients, strict=True)]
        torch._foreach_copy_(gradients, views)  # pyright: ignore[reportPrivateImportUsage]  has no public name

    def synchronize_statistics(self, network: nn.Module) -> None:
        """Make every batch normalization layer of the network take its statistics over all ranks, in place.

        The layers are those with an attribute `synchronize`, as everymode's have.

        Raises:
            ValueError: if the network has a batch normalization layer of torch in training mode, whose statistics
                would differ between the ranks. One in eval mode (a frozen network) is allowed.
        """
        if self.size == 1:
            return
        for name, module in network.named_modules():
            if hasattr(module, "synchronize"):
                layer = cast(
                    "_Synchronizable", module
                )  # nn.Module is annotated to hold tensors and modules only
                layer.synchronize = True
            elif (
                isinstance(module, nn.modules.batchnorm._BatchNorm)
                and not isinstance(module, nn.SyncBatchNorm)
                and module.training
            ):
                raise ValueError(
                    f"{name!r} is torch's {type(module).__name__}, whose statistics would differ between the "
                    f"{self.size} processes: build the network with everymode.norms.BatchNorm, or convert it with "
                    "torch.nn.SyncBatchNorm.convert_sync_batchnorm"
                )

    def broadcast(self, module: nn.Module) -> None:
        """Copy the weights and buffers of rank 0 to every rank: initial values may differ in their last bits."""
        if self.size > 1:
            for tensor in [*module.parameters(), *module.buffers()]:
                dist.broadcast(tensor.data, src=0)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over the ranks; in a world of size 1, the tensor itself."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def least(self, values: Tensor) -> Tensor:
        """Return the elementwise minimum of a tensor over the ranks."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values, op=dist.ReduceOp.MIN)
        return values

    def any(self, flag: bool) -> bool:
        """Return whether `flag` is True on any rank. All ranks must call it at the same point; no GPU is waited for."""
        if self.size == 1:
            return flag
        votes = torch.tensor([int(flag)])
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self._control)
        return bool(votes.item())

    def share(self, value: object) -> object:
        """Return the writer's value on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._control)
        return box[0]

    def barrier(self) -> None:
        """Wait until every rank has reached this call."""
        if self.size > 1:
            dist.barrier(group=self._control)

    @contextmanager
    def writer_first(self) -> Iterator[None]:
        """Run the block on the writer first (which may fill a cache), then on the other ranks."""
        if self.is_writer:
            try:
                yield
            finally:
                self.barrier()
        else:
            self.barrier()
            yield

    def parts(self, total: int, parts: int) -> list[Rows]:
        """Return the rows of a global batch that this rank computes, in micro-batches of equal size.

        Args:
            total: rows of the global batch.
            parts: number of micro-batches per rank.

        Raises:
            ValueError: if `total` is no multiple of the number of ranks, or a rank's rows no multiple of `parts`.
        """
        if total % self.size:
            raise ValueError(
                f"a batch of {total} can't be shared equally by {self.size} processes: choose a batch size that is "
                f"a multiple of {self.size}, such as {-(-total // self.size) * self.size}"
            )
        share = total // self.size
        if share % parts:
            raise ValueError(
                f"each of {self.size} processes has {share} rows of the batch of {total}, which can't be split into "
                f"{parts} micro-batches of equal size: choose an accumulation that divides {share}"
            )
        start, length = self.rank * share, share // parts
        return [Rows(start + index * length, start + (index + 1) * length, total) for index in range(parts)]

    def close(self) -> None:
        """Leave the process group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
