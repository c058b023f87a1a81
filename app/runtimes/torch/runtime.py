"""PyTorch, on a GPU or a CPU: channels last, and bfloat16 via autocast.

Canvases go up as bytes, and of a GPU's answer only the best anchors come down. Shape letters: B batch, K classes,
C channels of the distances, A anchors, N of them.
"""

import torch
from torch import Tensor, nn

from app.plural import counted
from app.runtimes.protocol import MAX_CANDIDATES, Array, Network, check_answer
from app.runtimes.torch.device import computes_bf16, device_errors, resolve_device
from app.runtimes.torch.graphs import build_graph
from app.runtimes.torch.state import parse_state
from app.weights import NetworkFiles


class TorchRuntime:
    """PyTorch on one device.

    Args:
        device: Where to compute.
        bf16: Compute convolutions and products in bfloat16.
    """

    name = "torch"

    def __init__(self, device: torch.device, bf16: bool) -> None:
        self.device, self._bf16 = device, bf16

    @classmethod
    def of_settings(cls, device: str, precision: str, threads: int) -> "TorchRuntime":
        """Make the runtime that the settings describe; it takes over the process's threads.

        Raises:
            DeviceUnavailable: If the device is not there.
        """
        found = resolve_device(device)
        torch.set_num_threads(threads)
        return cls(found, computes_bf16(precision, found))

    @property
    def description(self) -> str:
        """Library with version, precision and device."""
        threads = f", {counted(torch.get_num_threads(), 'thread')}" if self.device.type == "cpu" else ""
        return f"PyTorch {torch.__version__}, {'bf16' if self._bf16 else 'fp32'}, {self.device}{threads}"

    def open(self, network: NetworkFiles) -> Network:
        """Read, check and build a network, and move it to the device; see `Runtime`."""
        module = build_graph(network.card, parse_state(network.read_state(), network.name), network.name)
        run = self.run_module(module, network.card.task)
        check_answer(run, network)
        return run

    def run_module(self, module: nn.Module, task: str) -> Network:
        """Make a module of `graphs` a network; ownership passes here.

        Args:
            module: In evaluation mode.
            task: `find` or `classify`.
        """
        module = module.requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def run(batch: Array) -> tuple[Array, ...]:
            with device_errors():
                x = torch.from_numpy(batch).to(self.device)
                if task == "classify":
                    x = x.contiguous(memory_format=torch.channels_last)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
                    outputs: tuple[Tensor, ...] = module(x)
                if task == "find":
                    outputs = best_anchors(*outputs)
                return tuple(_to_array(each) for each in outputs)

        return run


def _to_array(output: Tensor) -> Array:
    """Bring an output down: NumPy has no bfloat16."""
    array: Array = (output.float() if output.is_floating_point() else output).cpu().numpy()
    return array


def best_anchors(logits_BKA: Tensor, distances_BCA: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keep the `MAX_CANDIDATES` anchors with the highest logits: the others are never decoded.

    Returns:
        Logits (B, K, N), distances (B, C, N) and the anchors' indices (B, N).
    """
    count = min(MAX_CANDIDATES, logits_BKA.shape[2])
    anchors_BN = logits_BKA.amax(dim=1).topk(count, dim=1).indices
    at_B1N = anchors_BN[:, None]
    return (
        logits_BKA.gather(2, at_B1N.expand(-1, logits_BKA.shape[1], -1)),
        distances_BCA.gather(2, at_B1N.expand(-1, distances_BCA.shape[1], -1)),
        anchors_BN,
    )
