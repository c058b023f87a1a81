"""Where PyTorch computes, and what a failing device means."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from app.errors import DeviceLost, DeviceUnavailable, OutOfMemory, RuntimeUnavailable
from app.plural import counted
from app.runtimes.processor import has_bf16, processor_flags


def has_cuda() -> bool:
    """Whether PyTorch finds a GPU."""
    return torch.cuda.is_available()


def resolve_device(name: str) -> torch.device:
    """Resolve a device setting to an available device.

    Args:
        name: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        DeviceUnavailable: If CUDA is requested and this machine has no such device; never a silent fallback.
    """
    if name == "auto":
        return torch.device("cuda" if has_cuda() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceUnavailable(f"Unknown device {name!r}; use auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"Device {name!r} is not supported; use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda":
        count = torch.cuda.device_count() if has_cuda() else 0
        if (device.index or 0) >= count:
            raise DeviceUnavailable(
                f"Device {name!r} was asked for, but this machine has {counted(count, 'usable CUDA device')}. "
                "Set the device to auto or cpu, or mend the driver."
            )
    return device


def has_native_bf16(device: torch.device) -> bool:
    """Whether the hardware computes bfloat16 rather than emulating it (which is slower than float32)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_bf16(processor_flags())


def computes_bf16(precision: str, device: torch.device) -> bool:
    """Whether the networks compute in bfloat16.

    On a GPU `auto` stays in float32: on an H200 bfloat16 was faster in small batches only, slower in large ones, and
    less exact (docs/experiments/gpu.md).

    Args:
        precision: `fp32`, `bf16` or `auto`.
        device: Where they run.

    Raises:
        RuntimeUnavailable: If bfloat16 is asked for where the hardware does not compute it.
    """
    if precision == "bf16" and not has_native_bf16(device):
        raise RuntimeUnavailable(f"{device} does not compute bfloat16: set the precision to auto or fp32.")
    return precision == "bf16" or (precision == "auto" and device.type == "cpu" and has_native_bf16(device))


@contextmanager
def device_errors() -> Iterator[None]:
    """Translate device failures: out of memory to `OutOfMemory`, permanent failure to `DeviceLost`.

    After most CUDA errors every later call in the process fails too (the context is corrupted), so only a restart
    helps; memory is returned to the device before `OutOfMemory` is raised.

    Raises:
        OutOfMemory: If the device has no memory left.
        DeviceLost: If the device failed otherwise.
    """
    full = False
    try:
        yield
    except torch.OutOfMemoryError:
        full = True
    except RuntimeError as error:
        if "CUDA error" not in str(error):
            raise
        raise DeviceLost("The compute device has failed; the server must be restarted.") from error
    if full:  # Out of the handler: its traceback would keep the batch's tensors in memory.
        torch.cuda.empty_cache()
        raise OutOfMemory("The compute device is out of memory; try again later.")
