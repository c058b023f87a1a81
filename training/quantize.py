"""A network in 8-bit integers, for OpenVINO: post-training quantization, and the check it must pass to be written.

The integers' ranges come from samples that run through the network; there is no training. A network that loses too much
is not written.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from app.runtimes.choose import THREADS_THERE, Network
from app.runtimes.torch.device import has_native_bf16
from app.weights import DetectorCard, EmotionCard, Int8Files, Int8Network, sha256_of
from training.errors import RunError
from training.files import write_payload
from training.manifest_entry import write_entry
from training.model_card import add_int8_section

try:
    from app.runtimes import openvino_door as openvino  # before NNCF, which then sends no telemetry either
    from app.runtimes.openvino import OpenVinoRuntime, convert
    import nncf  # isort: skip
except ImportError as missing:
    raise RunError(f"{missing.name} is not installed: pip install '.[quantize]' in Mien's sources.") from missing

LARGEST_LOSS = 0.005
"""How much accuracy or AP, as a share of 1, may lose against float32: half a point."""

Samples = Sequence[npt.NDArray[Any]]


class QuantizingRuntime:
    """OpenVINO runtime that quantizes the network it is given before running it; see `app.runtimes.choose.Runtime`.

    Args:
        samples: Typical inputs of the network, one row each.

    Attributes:
        made: The int8 network, once one has been loaded.
    """

    def __init__(self, samples: Samples) -> None:
        self.device = torch.device("cpu")
        self._samples = samples
        self.made: Int8Network | None = None

    @property
    def description(self) -> str:
        """A human-readable description."""
        return f"OpenVINO after quantization with NNCF {nncf.__version__}"

    def load(self, module: nn.Module, example: Tensor, varying: tuple[int, ...], sha256: str) -> Network:
        """Convert, quantize and load as the server does."""
        self.made = quantize(module, example, varying, self._samples)
        runtime = OpenVinoRuntime(has_native_bf16(self.device), THREADS_THERE, {sha256: self.made})
        return runtime.load(module, example, varying, sha256)


def float_runtime() -> OpenVinoRuntime:
    """Return the runtime that an int8 network is measured against: OpenVINO in float32."""
    return OpenVinoRuntime(False, THREADS_THERE)


def quantize(module: nn.Module, example: Tensor, varying: tuple[int, ...], samples: Samples) -> Int8Network:
    """Turn weights and activations of convolutions and products into 8-bit integers.

    Weights are quantized symmetrically per channel, activations around their own zero point: NNCF's preset for networks
    whose activations are not all ReLU, such as YOLOv8's SiLU. Biases are corrected for the remaining mean error.

    Args:
        module: In evaluation mode.
        example: Two rows of input; see `app.runtimes.choose.Runtime.load`.
        varying: The same.
        samples: One row each.

    References:
        Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", arXiv:1712.05877, section 2.1; Nagel et al. 2019, "Data-Free Quantization Through Weight
        Equalization and Bias Correction", arXiv:1906.04721, section 4.2.
    """
    model = nncf.quantize(
        convert(module, example, varying),
        nncf.Dataset(samples),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
    )
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "network.xml"
        openvino.save_model(model, graph)
        return Int8Network(graph.read_bytes(), graph.with_suffix(".bin").read_bytes())


def check_loss(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Refuse a network that is worse by more than half a point.

    Args:
        before: Figures in float32 by name, as shares of 1; higher is better.
        after: The same in int8.

    Raises:
        RunError: If a figure lost too much.
    """
    for name, value in before.items():
        if value - after[name] > LARGEST_LOSS:
            raise RunError(
                f"In int8 the {name} falls from {value:.2%} to {after[name]:.2%}, by more than {LARGEST_LOSS:.1%}: "
                "not written."
            )


def write_int8(
    runtime: QuantizingRuntime, card: DetectorCard | EmotionCard, metrics: dict[str, object], weights_dir: Path
) -> Int8Files:
    """Write the network beside its weights, then its part of their manifest entry and card.

    Args:
        runtime: The one that made it from these weights.
        card: The weights' entry.
        metrics: Figures of both forms.
        weights_dir: Folder of the weights.
    """
    network = runtime.made
    assert network is not None  # noqa: S101 - the figures came from it
    stem = Path(card.file).stem
    files = Int8Files(
        graph=f"{stem}.int8.xml",
        graph_sha256=sha256_of(network.graph),
        weights=f"{stem}.int8.bin",
        weights_sha256=sha256_of(network.weights),
        metrics=metrics,
    )
    write_payload(network.graph, weights_dir / files.graph)
    write_payload(network.weights, weights_dir / files.weights)
    card = card.model_copy(update={"int8": files})
    write_entry(weights_dir, card)
    add_int8_section(card, weights_dir)
    return files
