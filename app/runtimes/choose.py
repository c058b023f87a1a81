"""How a network is run: the protocol for detector and classifier, the PyTorch runtime, and runtime selection."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Protocol

import torch
from torch import Tensor, nn

from app.errors import RuntimeUnavailable
from app.runtimes.torch.device import cores_allowed, read_cpu_max
from app.weights import Int8Network

THREADS_THERE = cores_allowed(torch.get_num_threads(), read_cpu_max())
"""One for each core that this process may use, as PyTorch counts them before anybody sets another number."""


class Network(Protocol):
    """A network on its device."""

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Run a batch; called in inference mode, by one thread at a time.

        Args:
            batch: On the runtime's device; at least one row.

        Returns:
            The module's outputs in order, each with as many rows, in the precision computed or in float32.
        """


class Runtime(Protocol):
    """Runs networks: a library with its device, precision and threads."""

    @property
    def device(self) -> torch.device:
        """Where inputs are expected and outputs reside."""

    @property
    def description(self) -> str:
        """Library with version, precision and device, human-readable."""

    def load(self, module: nn.Module, example: Tensor, varying: tuple[int, ...], sha256: str) -> Network:
        """Move a network to the device.

        Args:
            module: In evaluation mode, with its weights; ownership passes here: do not use it elsewhere afterwards.
            example: Two rows of input on the CPU.
            varying: Axes of the input whose size differs from call to call; 0, the batch, is one of them.
            sha256: Of the weights file; identifies a stored conversion.
        """


class TorchRuntime:
    """PyTorch, on any device: channels last, and bfloat16 via autocast.

    Args:
        device: Where to compute.
        bf16: Compute convolutions and products in bfloat16.
    """

    def __init__(self, device: torch.device, bf16: bool) -> None:
        self.device, self._bf16 = device, bf16

    @property
    def description(self) -> str:
        """Library with version, precision and device."""
        threads = f", {torch.get_num_threads()} threads" if self.device.type == "cpu" else ""
        return f"PyTorch {torch.__version__}, {'bf16' if self._bf16 else 'fp32'}, {self.device}{threads}"

    def load(self, module: nn.Module, example: Tensor, varying: tuple[int, ...], sha256: str) -> Network:  # noqa: ARG002
        """Move a network to the device; see `Runtime`."""
        module = module.requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

        def run(batch: Tensor) -> tuple[Tensor, ...]:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
                out = module(batch)
            return out if isinstance(out, tuple) else (out,)

        return run


def choose_runtime(
    name: str, device: torch.device, bf16: bool, threads: int, int8: Mapping[str, Int8Network] | None = None
) -> Runtime:
    """Make the runtime named by a setting; it takes over the process's threads.

    Args:
        name: `torch`, `openvino`, or `auto`: OpenVINO on a CPU where it is installed, else PyTorch.
        device: Where to compute.
        bf16: Compute in bfloat16.
        threads: Per network call on a CPU; 0 for one per core that this process may use.
        int8: Networks in 8-bit integers by the sha256 of their weights, run in their place; OpenVINO only.

    Raises:
        RuntimeUnavailable: If OpenVINO is requested but not installed, or does not support the device or the precision;
            or if it is installed but cannot be loaded. Never a silent fallback.
    """
    threads = threads or THREADS_THERE
    installed = find_spec("openvino") is not None
    if name == "torch" or (name == "auto" and not (installed and device.type == "cpu")):
        if int8 is not None:
            raise RuntimeUnavailable(
                "The precision int8 is computed by the runtime openvino on a CPU: run `pip install openvino` if it is "
                "not installed, set the device to cpu and the runtime to auto; or set the precision to auto."
            )
        torch.set_num_threads(threads)
        return TorchRuntime(device, bf16)
    if not installed:
        raise RuntimeUnavailable(
            "The runtime openvino is not installed: run `pip install openvino`, or set the runtime to auto or torch."
        )
    if device.type != "cpu":
        raise RuntimeUnavailable(
            f"The runtime openvino computes on the CPU, but the device is {device}: set the device to cpu, or the "
            "runtime to auto or torch."
        )
    try:
        from app.runtimes.openvino import OpenVinoRuntime
    except ImportError as error:
        raise RuntimeUnavailable(f"OpenVINO is installed but cannot be loaded: {error}") from error
    return OpenVinoRuntime(bf16, threads, int8)
