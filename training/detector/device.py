"""The device option of the detector's commands: ultralytics' words, not torch's."""

import torch

from app.errors import DeviceUnavailable


def pick_device(device: str) -> str:
    """Turn a device option into ultralytics' words.

    Args:
        device: `auto` (the first CUDA device where there is one, else the CPU), `cpu`, or the index of a CUDA device.
            Only one: ultralytics starts a process of its own for each of several, which would lack recipe and start.

    Raises:
        DeviceUnavailable: If the words are others, or such a device is not there.
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
    """Return the device that the same option means to torch.

    Raises:
        DeviceUnavailable: As `pick_device` does.
    """
    picked = pick_device(device)
    return torch.device("cpu" if picked == "cpu" else f"cuda:{picked}")
