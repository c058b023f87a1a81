"""Where the networks compute and in which precision."""

import torch

from app.errors import DeviceUnavailable


def resolve_device(name: str) -> torch.device:
    """Turn a device setting into a device that is there.

    Args:
        name: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        DeviceUnavailable: If CUDA is asked for and this machine has no such device; never a silent fallback.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceUnavailable(f"Unknown device {name!r}; use auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"Device {name!r} is not supported; use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise DeviceUnavailable(
                f"Device {name!r} was asked for, but this machine has {count} usable CUDA devices. "
                "Set the device to auto or cpu, or mend the driver."
            )
    return device


def has_native_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by the hardware rather than imitated (then slower than float32)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
