"""Several processes train one network: torchrun starts them, torch's DDP averages their gradients.

Without torchrun there is one process and nothing here has any effect.
"""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from app.runtimes.torch.device import resolve_device


@dataclass(frozen=True)
class Group:
    """The processes of one training run.

    Attributes:
        rank: Number of this process, from 0; process 0 writes files and prints.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network to call in training steps: its backward pass averages gradients across processes."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def share(self, batch_B: Tensor) -> Tensor:
        """Return this process's part of a batch; all parts have equal length, so up to size - 1 items are left out."""
        return batch_B[: len(batch_B) // self.size * self.size][self.rank :: self.size]

    def total(self, value: Tensor) -> float:
        """Sum a number over the processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return float(value)

    def agrees(self, value: int) -> bool:
        """Whether all processes have the same number."""
        if self.size == 1:
            return True
        values: list[int | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return len(set(values)) == 1


ALONE = Group()


def join_group(device_name: str) -> tuple[Group, torch.device]:
    """Join the processes that torchrun started, if it did.

    Args:
        device_name: `auto`, `cpu`, `cuda` or `cuda:N`. Under torchrun each process takes the GPU of its local rank,
            whichever GPU is named: otherwise all would share that of `cuda:N`.

    Raises:
        DeviceUnavailable: If there is no such device.
    """
    if not dist.is_torchelastic_launched():
        return ALONE, resolve_device(device_name)
    device = resolve_device(device_name)
    if device.type == "cuda":
        device = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Group(dist.get_rank(), dist.get_world_size()), device
