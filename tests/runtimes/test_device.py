import os
import subprocess
import sys

import pytest
import torch

from app.errors import DeviceLost, DeviceUnavailable, OutOfMemory, RuntimeUnavailable
from app.runtimes.torch import device
from app.runtimes.torch.device import computes_bf16, device_errors, resolve_device


def test_auto_and_cpu():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_a_gpu_is_an_error_not_a_fallback():
    with pytest.raises(DeviceUnavailable, match="auto or cpu"):
        resolve_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "mps", "tpu:0"])
def test_unknown_devices(name):
    with pytest.raises(DeviceUnavailable):
        resolve_device(name)


def test_auto_is_bfloat16_on_cpus_that_compute_it_only(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    for native in (True, False):
        monkeypatch.setattr(device, "has_native_bf16", lambda _, native=native: native)
        assert computes_bf16("auto", cpu) is native
        assert not computes_bf16("auto", cuda)
        if native:
            assert computes_bf16("bf16", cuda)
        else:
            with pytest.raises(RuntimeUnavailable, match="bfloat16"):
                computes_bf16("bf16", cuda)
        assert not computes_bf16("fp32", cpu)


def test_a_full_device_is_out_of_memory():
    with pytest.raises(OutOfMemory), device_errors():
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")


def test_a_broken_device_is_lost_and_other_errors_pass():
    with pytest.raises(DeviceLost), device_errors():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="shape"), device_errors():
        raise RuntimeError("shape mismatch")


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: one thread in any case")
def test_ultralytics_leaves_all_threads_to_torch():
    """In a process of its own: OpenMP reads OMP_NUM_THREADS, which ultralytics sets to 1, when torch is loaded."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    program = "import app.runtimes.torch.ultralytics_door, torch; print(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 1
