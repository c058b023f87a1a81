"""The OpenVINO runtime on a small network; tests/system/test_runtimes.py has the real ones."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from app.errors import RuntimeUnavailable, WeightsError
from app.manifest import GraphFiles
from app.runtimes.openvino import LARGEST_PART, OpenVinoRuntime, part_sizes, run_all
from app.runtimes.precision import Precision, cpu_precision
from app.runtimes.torch.runtime import TorchRuntime
from tests.runtimes.networks import crops
from tests.support.manifest import make_manifest

FP32 = Precision("fp32", "fp32", "fp32")
LARGEST = LARGEST_PART["classify"]


def open_fp32(files):
    return OpenVinoRuntime(FP32, threads=2).open(files)


@pytest.mark.parametrize("largest", [1, 16])
def test_every_batch_is_cut_into_parts_of_few_sizes(largest):
    for count in range(1, 257):
        sizes = part_sizes(count, largest)
        assert sum(sizes) == count
        assert set(sizes) <= {1, 2, 4, 8, 16}
        assert max(sizes) <= largest
        assert sizes.count(largest) == count // largest


def test_batches_of_any_size_equal_torch_row_by_row(files):
    network, reference = open_fp32(files), TorchRuntime(torch.device("cpu"), bf16=False).open(files)
    for count in (1, 2, 3, 7, LARGEST, LARGEST + 1, 3 * LARGEST, 5 * LARGEST + 3):
        batch = crops(count, seed=count)
        [ours], [theirs] = network(batch), reference(batch)
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_answers_outlive_the_next_call(files):
    network = open_fp32(files)
    [first] = network(crops(2))
    kept = first.copy()
    network(crops(2, seed=1))
    assert np.array_equal(first, kept)


def test_the_description_names_each_networks_format(files):
    runtime = OpenVinoRuntime(FP32, threads=3)
    runtime.open(files)
    assert "tiny in fp32" in runtime.description
    assert "3 threads" in runtime.description


def test_a_processor_without_bf16_is_an_error():
    class Old:
        def get_property(self, device, name):
            return ["FP32", "INT8"]

    with pytest.raises(RuntimeUnavailable, match="fp32"):
        OpenVinoRuntime(Precision("bf16", "bf16", "bf16"), threads=1, core=Old())


def test_a_processor_without_avx2_is_an_error(monkeypatch):
    monkeypatch.setattr("app.runtimes.processor.platform.machine", lambda: "x86_64")
    with pytest.raises(RuntimeUnavailable, match="AVX2"):
        OpenVinoRuntime(FP32, threads=1, flags=frozenset({"sse4_2"}))


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
@pytest.mark.parametrize("harm", ["altered", "missing", "a folder"])
def test_a_graph_that_is_not_the_exported_one_is_refused(files, suffix, harm):
    path = files.folder / f"tiny{suffix}"
    if harm == "altered":
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    else:
        path.unlink()
    if harm == "a folder":
        path.mkdir()
    with pytest.raises(WeightsError, match="sha256" if harm == "altered" else "cannot be read"):
        open_fp32(files)


def test_a_state_without_a_graph_says_which_command_makes_one(files):
    card = files.card.model_copy(update={"artifacts": files.card.artifacts.model_copy(update={"openvino": None})})
    with pytest.raises(WeightsError, match="python -m training graph emotion"):
        open_fp32(type(files)(files.name, card, files.folder))
    with pytest.raises(WeightsError, match="python -m training quantize emotion"):
        OpenVinoRuntime(Precision("int8", "int8", "fp32"), threads=1).open(files)


def test_what_is_no_graph_is_refused_in_one_line(files, monkeypatch):
    graph = files.read_graph(int8=False)
    monkeypatch.setattr(type(files), "read_graph", lambda self, int8: graph._replace(layers=b"<net></nonsense>"))
    with pytest.raises(WeightsError, match="cannot read the graph of tiny") as told:
        open_fp32(files)
    assert "\n" not in str(told.value)


def test_what_cannot_be_compiled_is_refused_in_one_line(files, monkeypatch):
    def fail(*_):
        raise RuntimeError("Check failed at plugin.cpp:1\nnot on this device")

    runtime = OpenVinoRuntime(FP32, threads=1)
    monkeypatch.setattr(runtime, "_compile", fail)
    with pytest.raises(WeightsError, match="not on this device"):
        runtime.open(files)


def test_a_graph_of_another_kind_is_refused(files, monkeypatch):
    graph = files.read_graph(int8=False)
    other = graph._replace(layers=graph.layers.replace(b'"faces"', b'"canvas"'))
    monkeypatch.setattr(type(files), "read_graph", lambda self, int8: other)
    with pytest.raises(WeightsError, match="not one that this version runs"):
        open_fp32(files)


def test_a_graph_with_other_labels_is_refused(files):
    card = files.card.model_copy(update={"labels": ("yes", "no")})
    with pytest.raises(WeightsError, match="other shapes"):
        open_fp32(type(files)(files.name, card, files.folder))


def test_no_telemetry():
    """In a process of its own: OpenVINO must have taken its own stand-in for the package that reports to Google."""
    program = (
        "from app.runtimes import openvino_door;"
        "from openvino.tools.ovc import convert_impl, telemetry_utils, utils;"
        "print({each.tm.__name__ for each in (convert_impl, telemetry_utils, utils)})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'openvino.tools.ovc.telemetry_stub'}"


class FailingRequest:
    """Of several that run side by side the first two fail."""

    def __init__(self, number):
        self.number, self.running = number, False

    def start_async(self, inputs, share_inputs):
        self.running = True

    def wait(self):
        self.running = False
        if self.number < 2:
            raise RuntimeError(f"request {self.number} failed")


def test_a_part_that_fails_leaves_no_request_running():
    requests = [FailingRequest(number) for number in range(4)]
    with pytest.raises(RuntimeError, match="failed"):
        run_all(requests, [np.zeros(1)] * 4)
    assert not any(request.running for request in requests)


NEW, OLD = frozenset({"avx2", "avx512_bf16", "avx512_vnni"}), frozenset({"avx2"})


@pytest.mark.parametrize(
    ("setting", "flags", "formats"),
    [
        ("auto", NEW, ("int8", "bf16", "bf16")), ("auto", OLD, ("fp32", "fp32", "fp32")),
        ("auto", frozenset({"avx2", "avx_vnni"}), ("int8", "fp32", "fp32")), ("fp32", NEW, ("fp32", "fp32", "fp32")),
        ("bf16", NEW, ("bf16", "bf16", "bf16")), ("int8", NEW, ("int8", "int8", "bf16")),
        ("int8", OLD, ("int8", "int8", "fp32")),
    ],
)  # fmt: skip
def test_precision_by_setting_and_processor(setting, flags, formats):
    precision = cpu_precision(setting, flags)
    assert (precision.find, precision.classify, precision.rest) == formats


def test_bf16_asked_of_a_processor_without_it_is_an_error():
    with pytest.raises(RuntimeUnavailable, match="bfloat16"):
        cpu_precision("bf16", OLD)


def test_auto_takes_int8_only_where_it_was_made(files):
    made = GraphFiles(graph=files.card.artifacts.state, weights=files.card.artifacts.state, metrics={})
    card = make_manifest().detector
    with_int8 = card.model_copy(update={"artifacts": card.artifacts.model_copy(update={"openvino_int8": made})})
    assert [cpu_precision("auto", NEW).of(each) for each in (card, with_int8)] == ["bf16", "int8"]
    assert [cpu_precision("int8", NEW).of(each) for each in (card, with_int8)] == ["int8", "int8"]
