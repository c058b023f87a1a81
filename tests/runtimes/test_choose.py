import sys

import pytest
import torch
from torch import nn

from app.errors import RuntimeUnavailable
from app.runtimes.choose import THREADS_THERE, TorchRuntime, choose_runtime

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_openvino(monkeypatch):
    """A None among the loaded modules is how Python itself marks a module that cannot be found."""
    monkeypatch.setitem(sys.modules, "openvino", None)


@pytest.mark.parametrize(
    ("name", "device", "chosen"), [("auto", CPU, "OpenVINO"), ("openvino", CPU, "OpenVINO"), ("torch", CPU, "PyTorch"),
                                   ("auto", CUDA, "PyTorch"), ("torch", CUDA, "PyTorch")]
)  # fmt: skip
def test_choice(name, device, chosen):
    runtime = choose_runtime(name, device, bf16=False, threads=1)
    assert runtime.description.startswith(f"{chosen} ")
    assert "fp32" in runtime.description
    assert runtime.device == device


def test_auto_without_openvino_is_torch(without_openvino):
    assert isinstance(choose_runtime("auto", CPU, bf16=False, threads=1), TorchRuntime)


def test_openvino_that_is_not_installed_says_what_to_install(without_openvino):
    with pytest.raises(RuntimeUnavailable, match="`pip install openvino`"):
        choose_runtime("openvino", CPU, bf16=False, threads=1)


def test_openvino_on_cuda_is_an_error_not_a_fallback():
    with pytest.raises(RuntimeUnavailable, match="cuda:0"):
        choose_runtime("openvino", CUDA, bf16=False, threads=1)


@pytest.mark.parametrize("name", ["auto", "openvino"])
def test_openvino_that_cannot_be_loaded_is_an_error_not_a_fallback(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "app.runtimes.openvino", None)
    with pytest.raises(RuntimeUnavailable, match="cannot be loaded"):
        choose_runtime(name, CPU, bf16=False, threads=1)


@pytest.mark.parametrize(("name", "device"), [("torch", CPU), ("auto", CUDA)])
def test_int8_without_openvino_is_an_error_not_a_fallback(name, device):
    with pytest.raises(RuntimeUnavailable, match="int8"):
        choose_runtime(name, device, bf16=False, threads=1, int8={})


def test_the_description_names_int8():
    assert ", int8 and fp32, cpu" in choose_runtime("auto", CPU, bf16=False, threads=1, int8={}).description


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_are_those_of_the_setting(threads):
    assert f"cpu, {threads} threads" in choose_runtime("openvino", CPU, bf16=False, threads=threads).description
    assert torch.get_num_threads() == 1  # what PyTorch still does must not disturb OpenVINO's threads
    assert f"cpu, {threads} threads" in choose_runtime("torch", CPU, bf16=False, threads=threads).description
    assert torch.get_num_threads() == threads


def test_no_setting_is_a_thread_a_core():
    choose_runtime("torch", CPU, bf16=False, threads=0)
    assert torch.get_num_threads() == THREADS_THERE


def test_torch_computes_in_the_precision_asked_for():
    example, layer = torch.rand(2, 3, 8, 8), nn.Conv2d(3, 4, 3).eval()
    for bf16, dtype in ((False, torch.float32), (True, torch.bfloat16)):
        [out] = TorchRuntime(CPU, bf16).load(layer, example, (0,), "")(example)
        assert out.dtype == dtype
