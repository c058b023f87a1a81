import subprocess
import sys

import pytest

from app.errors import DeviceUnavailable, RuntimeUnavailable
from app.runtimes import choose
from app.runtimes.choose import choose_runtime
from app.runtimes.torch import device as torch_device


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setattr(choose, "find_spec", lambda name: None)


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(choose, "may_have_gpu", lambda: True)
    monkeypatch.setattr(torch_device, "has_cuda", lambda: True)
    monkeypatch.setattr(torch_device.torch.cuda, "device_count", lambda: 1)


@pytest.mark.parametrize(("name", "device"), [("auto", "cpu"), ("openvino", "cpu"), ("openvino", "auto")])
def test_a_cpu_is_openvinos(name, device):
    assert choose_runtime(name, device, "fp32", threads=1).name == "openvino"


def test_torch_on_a_cpu_if_asked_for():
    runtime = choose_runtime("torch", "cpu", "fp32", threads=1)
    assert runtime.description.startswith("PyTorch ")
    assert "fp32, cpu, 1 thread" in runtime.description


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_gpu_is_torchs(with_gpu, device):
    assert choose_runtime("auto", device, "auto", threads=1).name == "torch"


def test_pytorch_is_asked_for_a_gpu_only_where_a_driver_is(tmp_path):
    assert not choose.may_have_gpu("linux", tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    assert choose.may_have_gpu("linux", tmp_path)
    assert choose.may_have_gpu("win32", tmp_path / "none")


def test_auto_without_a_driver_does_not_import_torch():
    """In a process of its own, with PyTorch installed: it takes seconds and half a gigabyte."""
    program = (
        "import sys; from app.runtimes import choose; choose.may_have_gpu = lambda: False;"
        "print(choose.choose_runtime('auto', 'auto', 'auto', 1).name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino", "False"]


def test_auto_without_torch_is_openvino(without_torch):
    assert choose_runtime("auto", "auto", "fp32", threads=1).name == "openvino"


@pytest.mark.parametrize(("name", "device"), [("torch", "cpu"), ("auto", "cuda"), ("torch", "cuda:1")])
def test_torch_that_is_not_installed_says_what_to_install(without_torch, name, device):
    with pytest.raises(RuntimeUnavailable, match=r"torch, torchvision, ultralytics.*pip install") as told:
        choose_runtime(name, device, "auto", threads=1)
    assert "\n" not in str(told.value)


def test_openvino_on_cuda_is_an_error_not_a_fallback():
    with pytest.raises(RuntimeUnavailable, match="cuda:0"):
        choose_runtime("openvino", "cuda:0", "auto", threads=1)


def test_openvino_that_cannot_be_loaded_is_an_error_not_a_fallback(monkeypatch):
    monkeypatch.setitem(sys.modules, "app.runtimes.openvino", None)
    with pytest.raises(RuntimeUnavailable, match="cannot be loaded"):
        choose_runtime("auto", "cpu", "auto", threads=1)


def test_int8_on_torch_is_an_error_not_a_fallback():
    with pytest.raises(RuntimeUnavailable, match="int8"):
        choose_runtime("torch", "cpu", "int8", threads=1)


@pytest.mark.parametrize("device", ["gpu", "mps", "tpu:0", ""])
def test_unknown_devices(device):
    with pytest.raises(DeviceUnavailable, match="auto, cpu"):
        choose_runtime("auto", device, "auto", threads=1)


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread"), (3, "3 threads")])
def test_threads_are_those_of_the_setting(threads, words):
    assert choose_runtime("openvino", "cpu", "fp32", threads=threads).description.endswith(f"cpu, {words}")
