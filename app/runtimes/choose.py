"""Picks the runtime by setting, device and what is installed; never a silent fallback."""

import sys
from importlib.util import find_spec
from pathlib import Path

from app.errors import DeviceUnavailable, RuntimeUnavailable
from app.runtimes.precision import cpu_precision
from app.runtimes.processor import processor_flags, usable_cores
from app.runtimes.protocol import Runtime

GPU_FILES = ("dev/nvidiactl", "proc/driver/nvidia/version", "dev/dxg", "dev/kfd")
"""What drivers leave on Linux: NVIDIA's two, Windows' for its Linux subsystem, AMD's."""

TORCH_PACKAGES = ("torch", "torchvision", "ultralytics", "safetensors")
GPU_EXTRA = "run pip install -e '.[gpu]' in Mien's sources"


def choose_runtime(name: str, device: str, precision: str, threads: int) -> Runtime:
    """Make the runtime that the settings describe.

    Args:
        name: `openvino`, `torch`, or `auto`: OpenVINO on a CPU, PyTorch on a GPU.
        device: `auto` (a GPU where PyTorch is installed and finds one, else the CPU), `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16` or `int8`.
        threads: Per network call on a CPU; 0 for one per core that this process may use.

    Raises:
        DeviceUnavailable: If the device is unknown or not there.
        RuntimeUnavailable: If the runtime is not installed, or does not fit the device or the precision.
    """
    if not (device in ("auto", "cpu") or device.split(":")[0] == "cuda"):
        raise DeviceUnavailable(f"Device {device!r} is not supported; use auto, cpu, cuda or cuda:N.")
    threads = threads or usable_cores()
    if name == "torch" or (name == "auto" and _wants_gpu(device)):
        return _torch_runtime(device, precision, threads)
    if device.startswith("cuda"):
        raise RuntimeUnavailable(
            f"The runtime openvino computes on the CPU, but the device is {device}: set the device to cpu, or the "
            "runtime to auto or torch."
        )
    return _openvino_runtime(precision, threads)


def _wants_gpu(device: str) -> bool:
    if device.startswith("cuda"):
        return True
    if device == "cpu" or missing_packages() or not may_have_gpu():
        return False
    from app.runtimes.torch.device import has_cuda

    return has_cuda()


def may_have_gpu(system: str = sys.platform, root: Path = Path("/")) -> bool:
    """Whether a driver of a GPU that PyTorch could use is there; asking PyTorch itself takes 2 s and 0.5 GB."""
    return system != "linux" or any((root / each).exists() for each in GPU_FILES)


def missing_packages() -> list[str]:
    """Return which packages of the extra `gpu` are not installed."""
    return [each for each in TORCH_PACKAGES if find_spec(each) is None]


def _torch_runtime(device: str, precision: str, threads: int) -> Runtime:
    if missing := missing_packages():
        what = f"The device {device}" if device.startswith("cuda") else "The runtime torch"
        raise RuntimeUnavailable(f"{what} needs {', '.join(missing)}: {GPU_EXTRA}.")
    if precision == "int8":
        raise RuntimeUnavailable(
            "The precision int8 is computed by the runtime openvino on a CPU: set the device to cpu and the runtime to "
            "auto; or set the precision to auto."
        )
    from app.runtimes.torch.runtime import TorchRuntime

    return TorchRuntime.of_settings(device, precision, threads)


def _openvino_runtime(precision: str, threads: int) -> Runtime:
    try:
        from app.runtimes.openvino import OpenVinoRuntime
    except ImportError as error:
        raise RuntimeUnavailable(f"OpenVINO cannot be loaded ({error}): install Mien anew.") from error
    flags = processor_flags()
    return OpenVinoRuntime(cpu_precision(precision, flags), threads, flags)
