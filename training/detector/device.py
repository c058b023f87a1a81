"""The device option of the detector's commands: in ultralytics' terms, not torch's."""

import torch

from app.errors import DeviceUnavailable


def pick_device(device: str) -> str:
    """Translate a device option to ultralytics' terms.

    Args:
        device: `auto` (the first CUDA device if there is one, else the CPU), `cpu`, or the index of a CUDA device. Only
            one: for several, ultralytics starts a process each, which would lack the recipe and the start weights.

    Raises:
        DeviceUnavailable: If the option is anything else, or there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "0" if count else "cpu"
    if device == "cpu":
        return device
    if not device.isdecimal():
        raise DeviceUnavailable(f"Unknown device {device!r}; use auto, cpu, or the index of a CUDA device such as 0.")
    if int(device) >= count:
        raise DeviceUnavailable(f"Device {device!r} was asked for, but this machine has {count} usable CUDA devices.")
    return device


def torch_device(device: str) -> torch.device:
    """Return the torch device for the same option.

    Raises:
        DeviceUnavailable: As for `pick_device`.
    """
    picked = pick_device(device)
    return torch.device("cpu" if picked == "cpu" else f"cuda:{picked}")
