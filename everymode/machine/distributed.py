"""Several processes, one training run: who am I, and what must all of us agree on?

Every rank holds both networks and plays its rows of the global batch; gradients are averaged by one all-reduce of the
flattened gradients per move. That needs no wrapper around the networks, so penalties with double backward, several
passes per move and compiled networks work as they do in one process. Everything else that is global (draws, data order)
is a function of the global row, so the number of ranks changes nothing.

Start with `torchrun --nproc-per-node N -m everymode train ...`.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from everymode.draws import Rows


class World:
    """The processes of this run. One process is a world of size 1, in which every call is free."""

    def __init__(self, rank: int = 0, size: int = 1, control: dist.ProcessGroup | None = None) -> None:
        self.rank = rank
        self.size = size
        self._control = control

    @classmethod
    def from_environment(cls, *, cuda: bool = False, timeout_minutes: float = 30) -> World:
        """Join the world that torchrun describes in the environment, if there is one.

        `cuda` says whether tensors of the run live on GPUs (backend nccl, else gloo). Flags and barriers always go
        through a gloo group, so that agreeing never waits for the GPU.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size <= 1:
            return cls()
        timeout = datetime.timedelta(minutes=timeout_minutes)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if cuda else "gloo", timeout=timeout)
        # The others may wait for what one process prepares, for hours. One that dies ends them all through torchrun.
        control = dist.new_group(backend="gloo", timeout=datetime.timedelta(days=7))
        return cls(dist.get_rank(), dist.get_world_size(), control)

    @staticmethod
    def local_rank() -> int:
        """Which of this machine's processes this is: its GPU's number."""
        return int(os.environ.get("LOCAL_RANK", "0"))

    @property
    def is_writer(self) -> bool:
        """Whether this process writes files and talks: exactly one does."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks.

        A missing one counts as zero, in a world of one too: whether weight decay moves a parameter that nothing
        depends on must not hang on the number of ranks.
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
        torch._foreach_copy_(gradients, views)

    def synchronize_statistics(self, network: nn.Module) -> None:
        """Have every batch normalization of the network take its statistics over all ranks, in place.

        Reached are the layers with an attribute `synchronize`, as everymode's own have. Raises ValueError for torch's
        batch normalization, which would keep each rank's statistics apart, unless it is in evaluation mode: a frozen
        network keeps the statistics that it has.
        """
        if self.size == 1:
            return
        for name, module in network.named_modules():
            if hasattr(module, "synchronize"):
                module.synchronize = True
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
        """Give every rank the first one's weights and buffers: initial values may differ in their last bits."""
        if self.size > 1:
            for tensor in [*module.parameters(), *module.buffers()]:
                dist.broadcast(tensor.data, src=0)

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over the ranks; the tensor itself in a world of one."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def least(self, values: Tensor) -> Tensor:
        """The smallest of each entry over the ranks."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values, op=dist.ReduceOp.MIN)
        return values

    def any(self, flag: bool) -> bool:
        """Whether any rank says yes. All ranks must call it at the same point; no GPU is waited for."""
        if self.size == 1:
            return flag
        votes = torch.tensor([int(flag)])
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self._control)
        return bool(votes.item())

    def share(self, value: object) -> object:
        """The writer's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._control)
        return box[0]

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            dist.barrier(group=self._control)

    @contextmanager
    def writer_first(self) -> Iterator[None]:
        """The writer goes through the block first (and fills a cache, say), then the others."""
        if self.is_writer:
            try:
                yield
            finally:
                self.barrier()
        else:
            self.barrier()
            yield

    def parts(self, total: int, parts: int) -> list[Rows]:
        """The rows of a global batch that this rank plays, cut into equal parts.

        Raises ValueError if the batch can't be shared, or the share can't be cut, equally.
        """
        if total % self.size:
            raise ValueError(
                f"a batch of {total} can't be shared equally by {self.size} processes: choose a batch size that is "
                f"a multiple of {self.size}, such as {-(-total // self.size) * self.size}"
            )
        share = total // self.size
        if share % parts:
            raise ValueError(
                f"each of {self.size} processes has {share} rows of the batch of {total}, which can't be cut into "
                f"{parts} equal parts: choose an accumulation that divides {share}"
            )
        start, length = self.rank * share, share // parts
        return [Rows(start + part * length, start + (part + 1) * length, total) for part in range(parts)]

    def close(self) -> None:
        """Leave the world."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
