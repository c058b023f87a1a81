"""The OpenVINO runtime on a small network; tests/system/test_runtimes.py has the real ones."""

import importlib
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.errors import RuntimeUnavailable
from app.runtimes.openvino import LARGEST_PART, OpenVinoRuntime, part_sizes, run_all
from app.runtimes.openvino_cache import DIGEST, ENTRIES_KEPT, GRAPH, WEIGHTS

EXAMPLE = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
CONVERTING = "converting a network"


class TwoOutputs(nn.Module):
    """A row's outputs depend on this row only, so that rows that change places are caught."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        maps_BCHW = self.conv(x_BCHW).relu()
        return maps_BCHW, maps_BCHW.mean(dim=(2, 3))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = torch.get_num_threads()
    yield tmp_path / "mien"
    torch.set_num_threads(before)


def load(varying=(0,), sha256="a"):
    return OpenVinoRuntime(bf16=False, threads=2).load(TwoOutputs().eval(), EXAMPLE, varying, sha256)


@pytest.mark.parametrize("largest", [1, 16])
def test_every_batch_is_cut_into_parts_of_few_sizes(largest):
    for count in range(1, 257):
        sizes = part_sizes(count, largest)
        assert sum(sizes) == count
        assert set(sizes) <= {1, 2, 4, 8, 16}
        assert max(sizes) <= largest
        assert sizes.count(largest) == count // largest


@torch.inference_mode()
def test_batches_of_any_size_equal_torch_row_by_row():
    network, reference = load(), TwoOutputs().eval()
    for count in (*range(1, 2 * LARGEST_PART), 3 * LARGEST_PART, 5 * LARGEST_PART + 3):
        batch = torch.rand(count, 3, 8, 8)
        for ours, theirs in zip(network(batch), reference(batch), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_sizes_that_vary_equal_torch():
    network, reference = load(varying=(0, 2, 3)), TwoOutputs().eval()
    for count, height, width in ((1, 8, 8), (5, 8, 16), (2, 24, 8), (1, 8, 8)):
        batch = torch.rand(count, 3, height, width)
        for ours, theirs in zip(network(batch), reference(batch), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_answers_outlive_the_next_call():
    network = load()
    first = network(EXAMPLE)
    kept = [each.clone() for each in first]
    network(EXAMPLE + 1)
    assert all(torch.equal(*pair) for pair in zip(first, kept, strict=True))


def test_a_processor_without_bf16_is_an_error():
    class Old:
        def get_property(self, device, name):
            return ["FP32", "INT8"]

    with pytest.raises(RuntimeUnavailable, match="fp32"):
        OpenVinoRuntime(bf16=True, threads=1, core=Old())


def test_a_network_is_converted_once_for_each_state(caplog, cache):
    caplog.set_level(logging.INFO)
    load()
    assert caplog.text.count(CONVERTING) == 1
    load()
    assert caplog.text.count(CONVERTING) == 1
    load(sha256="b")
    assert caplog.text.count(CONVERTING) == 2
    assert len(list(cache.iterdir())) == 2


def test_changed_code_of_the_same_network_is_converted_anew(tmp_path, monkeypatch, caplog):
    """Same name, same layers, same weights: only the code differs."""
    caplog.set_level(logging.INFO)
    code = "from torch import nn\nclass Scaled(nn.Module):\n    def forward(self, x):\n        return {} * x,\n"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it would be found by its second and its size: the same
    for factor in (2, 3):
        (tmp_path / "changing.py").write_text(code.format(factor))
        monkeypatch.delitem(sys.modules, "changing", raising=False)
        network = OpenVinoRuntime(bf16=False, threads=1).load(
            importlib.import_module("changing").Scaled(), EXAMPLE, (0,), "a"
        )
        torch.testing.assert_close(network(EXAMPLE)[0], factor * EXAMPLE)
    assert caplog.text.count(CONVERTING) == 2


def test_the_longest_unused_entries_are_removed(cache, caplog):
    caplog.set_level(logging.INFO)
    load(sha256="first")
    [first] = cache.iterdir()
    os.utime(first, (0, 0))
    load(sha256="second")
    [second] = set(cache.iterdir()) - {first}
    os.utime(second, (1, 1))
    load(sha256="first")  # used again
    for number in range(ENTRIES_KEPT - 1):
        load(sha256=str(number))
    kept = set(cache.iterdir())
    assert len(kept) == ENTRIES_KEPT
    assert first in kept
    assert second not in kept


@torch.inference_mode()
@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, DIGEST])
def test_a_damaged_entry_is_made_anew(caplog, cache, name):
    expected = load()(EXAMPLE)
    [entry] = cache.iterdir()
    (entry / name).write_bytes((entry / name).read_bytes()[:-1])
    for messages in (1, 1):  # once for the damaged entry; the new one is whole
        found = load()(EXAMPLE)
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
        assert caplog.text.count("made anew") == messages


@torch.inference_mode()
def test_a_folder_that_others_may_write_to_is_not_used(caplog, cache):
    cache.mkdir()
    cache.chmod(0o777)
    assert len(load()(EXAMPLE)) == 2
    assert "others may write" in caplog.text
    assert list(cache.iterdir()) == []


@torch.inference_mode()
def test_a_cache_that_cannot_be_written_does_not_stop_the_start(caplog, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")  # not even root can make a folder there
    assert len(load()(EXAMPLE)) == 2
    assert "not kept" in caplog.text


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
