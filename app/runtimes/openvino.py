"""OpenVINO for CPUs: networks converted from PyTorch, run in parts of a few fixed sizes.

OpenVINO generates machine code for each shape it meets and keeps it: 137 MB for the detector's 39 canvases, one picture
at a time. So part sizes are few and the kept code is bounded. The measurements behind the constants are in
docs/architecture.md.
"""

import hashlib
import inspect
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from app.errors import RuntimeUnavailable, WeightsError
from app.runtimes import openvino_door as openvino
from app.runtimes.choose import Network
from app.runtimes.openvino_cache import cached_model
from app.weights import Int8Network

Array = npt.NDArray[Any]

LARGEST_PART = 16
"""Most rows of a part where the input has one size: more bring nothing."""

KERNELS_KEPT = 300
"""Generated kernels that a stream of a network keeps, the latest used."""

MAX_STREAMS = 16
"""Most parts that run side by side: as many as a batch of the server has pictures, unless it is told otherwise."""


class OpenVinoRuntime:
    """OpenVINO on the CPU.

    PyTorch, which still does what comes before and after the networks, gets one thread: its other threads would
    busy-wait for work on the cores that OpenVINO needs.

    Args:
        bf16: Compute in bfloat16.
        threads: Total for all streams of a network, at least 1.
        int8: Networks in 8-bit integers by the sha256 of the weights they were made from; None: every network is
            converted as is.
        core: OpenVINO itself; default: a new one.

    Raises:
        RuntimeUnavailable: If OpenVINO does not compute bfloat16 on this processor.
    """

    def __init__(
        self,
        bf16: bool,
        threads: int,
        int8: Mapping[str, Int8Network] | None = None,
        core: openvino.Core | None = None,
    ) -> None:
        self.device = torch.device("cpu")
        self._core, self._bf16, self._threads, self._int8 = core or openvino.Core(), bf16, threads, int8
        if bf16 and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeUnavailable("OpenVINO has no bf16 on this processor: set the precision to auto or fp32.")
        torch.set_num_threads(1)

    @property
    def description(self) -> str:
        """Library with version, precision and place."""
        version, rest = openvino.__version__.split("-")[0], "bf16" if self._bf16 else "fp32"
        precision = rest if self._int8 is None else f"int8 and {rest}"
        return f"OpenVINO {version}, {precision}, cpu, {self._threads} threads"

    def load(self, module: nn.Module, example: Tensor, varying: tuple[int, ...], sha256: str) -> Network:
        """Convert a network, or load its stored conversion or int8 form, and compile it; see `Runtime`.

        Raises:
            WeightsError: If this version of OpenVINO cannot read the int8 form.
        """
        if self._int8 is None:
            model = self._converted(module, example, varying, sha256)
        else:
            model = self._read(self._int8[sha256])
        largest = LARGEST_PART if varying == (0,) else 1
        return OpenVinoNetwork(self._compile(model, "LATENCY"), self._compile(model, "THROUGHPUT"), largest)

    def _converted(self, module: nn.Module, example: Tensor, varying: tuple[int, ...], sha256: str) -> openvino.Model:
        made_of = (sha256, example.shape, varying, str(module), code_of(module), openvino.__version__)
        key = hashlib.sha256(repr(made_of).encode()).hexdigest()
        return cached_model(self._core, key, lambda: convert(module, example, varying))

    def _read(self, network: Int8Network) -> openvino.Model:
        try:
            return self._core.read_model(network.graph, network.weights)
        except RuntimeError as error:
            raise WeightsError(
                f"OpenVINO {openvino.__version__} cannot read the network in int8 ({error}): set the precision to "
                "auto, or make it again with the training package."
            ) from error

    def _compile(self, model: openvino.Model, hint: str) -> openvino.CompiledModel:
        settings = {
            "PERFORMANCE_HINT": hint,
            "PERFORMANCE_HINT_NUM_REQUESTS": MAX_STREAMS,
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": "bf16" if self._bf16 else "f32",
            "ENABLE_CPU_PINNING": False,  # Two servers on one machine would be pinned to the same cores.
            "CPU_RUNTIME_CACHE_CAPACITY": KERNELS_KEPT,
        }
        return self._core.compile_model(model, "CPU", settings)


class OpenVinoNetwork:
    """A compiled network: full parts run side by side, one per stream; leftover parts get all threads.

    Args:
        lone: Compiled for the lowest latency of one part.
        many: Compiled for the highest throughput of parts.
        largest: Most rows of a part.
    """

    def __init__(self, lone: openvino.CompiledModel, many: openvino.CompiledModel, largest: int) -> None:
        self._lone = lone.create_infer_request()
        self._streams = [many.create_infer_request() for _ in range(many.get_property("NUM_STREAMS"))]
        self._largest = largest

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Run a batch; see `Network`."""
        sizes = part_sizes(len(batch), self._largest)
        parts = np.split(np.ascontiguousarray(batch.numpy()), np.cumsum(sizes)[:-1])
        whole = sizes.count(self._largest)
        if whole % len(self._streams) == 1:
            whole -= 1  # One part on all threads is faster than on one stream's.
        answers = self._side_by_side(parts[:whole])
        for part in parts[whole:]:
            self._lone.infer([part], share_inputs=True)
            answers.append(_outputs(self._lone))
        return tuple(torch.from_numpy(np.concatenate(each)) for each in zip(*answers, strict=True))

    def _side_by_side(self, parts: Sequence[Array]) -> list[list[Array]]:
        answers = []
        for first in range(0, len(parts), len(self._streams)):
            running = self._streams[: len(parts) - first]
            run_all(running, parts[first:])
            answers += [_outputs(request) for request in running]
        return answers


def part_sizes(count: int, largest: int) -> list[int]:
    """Split a batch into parts of few sizes: as many of the largest as fit, then decreasing powers of two.

    Args:
        count: Rows of the batch.
        largest: A power of two.
    """
    whole, rest = divmod(count, largest)
    powers = (1 << bit for bit in reversed(range(largest.bit_length())))
    return [largest] * whole + [power for power in powers if rest & power]


def convert(module: nn.Module, example: Tensor, varying: tuple[int, ...]) -> openvino.Model:
    """Convert a network; see `Runtime.load` for the arguments.

    PyTorch recommends `torch.export` over its tracer; with it, startup would take 4 s longer.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit")
        traced = torch.jit.trace(module, example, check_trace=False, strict=False)
    model = openvino.convert_model(traced)
    model.reshape([-1 if axis in varying else size for axis, size in enumerate(example.shape)])
    return model


def code_of(module: nn.Module) -> list[str]:
    """Name the code that a network runs: its packages' versions, and the files that define its layers by their hash.

    PyTorch's own files are left to its version.
    """
    kinds = {type(each) for each in module.modules()}
    packages = {kind.__module__.partition(".")[0] for kind in kinds}
    files = {inspect.getsourcefile(kind) for kind in kinds if not kind.__module__.startswith("torch.")}
    versions = [f"{name} {getattr(sys.modules.get(name), '__version__', None)}" for name in packages]
    hashes = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if file is not None]
    return sorted(versions) + sorted(hashes)


def run_all(requests: Sequence[openvino.InferRequest], parts: Sequence[Array]) -> None:
    """Run one part per request concurrently; on failure none is left running, which would fail the next batch."""
    with ExitStack() as started:
        for request, part in zip(requests, parts, strict=False):
            request.start_async([part], share_inputs=True)
            started.callback(request.wait)


def _outputs(request: openvino.InferRequest) -> list[Array]:
    """Copy the outputs: the request's next part overwrites its memory."""
    return [tensor.data.copy() for tensor in request.output_tensors]
