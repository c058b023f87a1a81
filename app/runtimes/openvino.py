"""OpenVINO for CPUs: opens graphs and runs them in parts of a few fixed sizes.

OpenVINO generates machine code for each shape it meets and keeps it: 137 MB for the detector's 39 canvases, one picture
at a time. So part sizes are few and the kept code is bounded. The measurements behind the constants are in
docs/experiments/cpu-runtimes.md.
"""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from app.errors import RuntimeUnavailable, WeightsError
from app.plural import counted
from app.runtimes import openvino_door as openvino
from app.runtimes.precision import Precision
from app.runtimes.processor import lacks_avx2
from app.runtimes.protocol import SIGNATURES, Array, Network, check_answer
from app.weights import NetworkFiles

LARGEST_PART = {"find": 1, "classify": 16}
"""Most rows of a part: more faces bring nothing, and canvases of many sizes would each keep code for each batch."""

ON_ONE_THREAD = {"find": 320 * 160 * 3, "classify": 0}
"""Values of the largest part for which several threads bring nothing but their waiting for each other."""

KERNELS_KEPT = 300
"""Generated kernels that a stream of a network keeps, the latest used."""

MAX_STREAMS = 16
"""Most parts that run side by side: as many as a batch of the server has pictures, unless it is told otherwise."""

HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoRuntime:
    """OpenVINO on the CPU.

    Args:
        precision: In which format each task is computed.
        threads: Total for all streams of a network, at least 1.
        flags: The processor's features, where they are known.
        core: OpenVINO itself; default: a new one.

    Raises:
        RuntimeUnavailable: If the processor cannot run OpenVINO or the precision.
    """

    name = "openvino"

    def __init__(
        self,
        precision: Precision,
        threads: int,
        flags: frozenset[str] = frozenset(),
        core: openvino.Core | None = None,
    ) -> None:
        if lacks_avx2(flags):
            raise RuntimeUnavailable(
                "This processor has no AVX2, which OpenVINO's networks need: take a processor of 2013 or later."
            )
        self._core, self._precision, self._threads = core or openvino.Core(), precision, threads
        self._opened: dict[str, str] = {}
        if precision.rest == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeUnavailable("OpenVINO has no bfloat16 on this processor: set the precision to fp32.")

    @property
    def description(self) -> str:
        """Library with version, precision and place."""
        formats = ", ".join(f"{name} in {each}" for name, each in self._opened.items())
        return f"OpenVINO {version()}, {formats or 'no network'}, cpu, {counted(self._threads, 'thread')}"

    def open(self, network: NetworkFiles) -> Network:
        """Read, check and compile a network's graph; see `Runtime`.

        Raises:
            WeightsError: If the graph is missing, altered or of another kind, or this OpenVINO cannot read it.
        """
        task, wanted = network.card.task, self._precision.of(network.card)
        graph = network.read_graph(int8=wanted == "int8")
        hint = HINTS[self._precision.rest if wanted == "int8" else wanted]
        try:
            model = self._core.read_model(graph.layers, graph.values)
            check_signature(model, network)
            lone, many = (self._compile(model, goal, hint) for goal in ("LATENCY", "THROUGHPUT"))
        except RuntimeError as error:
            raise WeightsError(
                f"OpenVINO {version()} cannot read the graph of {network.name} ({_last_line(error)}): install the "
                "version that made it, or make it again with the training package."
            ) from error
        opened = OpenVinoNetwork(lone, many, LARGEST_PART[task], ON_ONE_THREAD[task])
        run = _with_all_anchors(opened) if task == "find" else opened
        check_answer(run, network)
        self._opened[network.name] = wanted
        return run

    def _compile(self, model: openvino.Model, hint: str, precision: str) -> openvino.CompiledModel:
        settings = {
            "PERFORMANCE_HINT": hint,
            "PERFORMANCE_HINT_NUM_REQUESTS": MAX_STREAMS,
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": precision,
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
        on_one_thread: Values of the largest part that always runs on one stream.
    """

    def __init__(
        self, lone: openvino.CompiledModel, many: openvino.CompiledModel, largest: int, on_one_thread: int = 0
    ) -> None:
        self._lone = lone.create_infer_request()
        self._streams = [many.create_infer_request() for _ in range(many.get_property("NUM_STREAMS"))]
        self._largest, self._on_one_thread = largest, on_one_thread

    def __call__(self, batch: Array) -> tuple[Array, ...]:
        """Run a batch of at least one row; see `Network`."""
        sizes = part_sizes(len(batch), self._largest)
        parts = np.split(np.ascontiguousarray(batch), np.cumsum(sizes)[:-1])
        whole = sizes.count(self._largest)
        if whole % len(self._streams) == 1 and parts[0].size > self._on_one_thread:
            whole -= 1  # One part on all threads is faster than on one stream's.
        answers = self._side_by_side(parts[:whole])
        for part in parts[whole:]:
            self._lone.infer([part], share_inputs=True)
            answers.append(_outputs(self._lone))
        return tuple(np.concatenate(each) for each in zip(*answers, strict=True))

    def _side_by_side(self, parts: Sequence[Array]) -> list[list[Array]]:
        answers = []
        for first in range(0, len(parts), len(self._streams)):
            running = self._streams[: len(parts) - first]
            run_all(running, parts[first:])
            answers += [_outputs(request) for request in running]
        return answers


def version() -> str:
    """Return OpenVINO's version without its build."""
    return str(openvino.__version__).split("-")[0]


def check_signature(model: openvino.Model, network: NetworkFiles) -> None:
    """Check the names, types and shapes of a graph's input and outputs.

    Raises:
        WeightsError: If they are not those of the network's task.
    """
    wanted = SIGNATURES[network.card.task]
    found = [
        (*sorted(each.get_names()), each.get_element_type().to_dtype().name, tuple(_sizes(each)))
        for each in model.inputs
    ]
    names = tuple(name for each in model.outputs for name in sorted(each.get_names()))
    if found != [(wanted.input, wanted.dtype, wanted.shape)] or names != wanted.outputs:
        raise WeightsError(
            f"The graph of {network.name} is not one that this version runs: it takes {found} and gives {names}. Make "
            "it again with the training package."
        )


def part_sizes(count: int, largest: int) -> list[int]:
    """Split a batch into parts of few sizes: as many of the largest as fit, then decreasing powers of two.

    Args:
        count: Rows of the batch.
        largest: A power of two.
    """
    whole, rest = divmod(count, largest)
    powers = (1 << bit for bit in reversed(range(largest.bit_length())))
    return [largest] * whole + [power for power in powers if rest & power]


def run_all(requests: Sequence[openvino.InferRequest], parts: Sequence[Array]) -> None:
    """Run one part per request concurrently; on failure none is left running, which would fail the next batch."""
    with ExitStack() as started:
        for request, part in zip(requests, parts, strict=False):
            request.start_async([part], share_inputs=True)
            started.callback(request.wait)


def _with_all_anchors(network: Network) -> Network:
    """Add the anchors' indices: all, in order."""

    def run(batch: Array) -> tuple[Array, ...]:
        logits_BKA, distances_BCA = network(batch)
        anchors_BA = np.broadcast_to(np.arange(logits_BKA.shape[2]), (len(batch), logits_BKA.shape[2]))
        return logits_BKA, distances_BCA, anchors_BA

    return run


def _outputs(request: openvino.InferRequest) -> list[Array]:
    """Copy the outputs: the request's next part overwrites its memory."""
    return [tensor.data.copy() for tensor in request.output_tensors]


def _sizes(port: openvino.Output) -> list[int]:
    return [-1 if each.is_dynamic else each.get_length() for each in port.get_partial_shape()]


def _last_line(error: Exception) -> str:
    """Return what OpenVINO says at the end, after the places in its own source."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
