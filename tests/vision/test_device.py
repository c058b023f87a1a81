import pytest
import torch

from app.errors import DeviceLost, DeviceUnavailable, OutOfMemory
from app.vision.device import device_errors, resolve_device


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


def test_a_full_device_is_out_of_memory():
    with pytest.raises(OutOfMemory), device_errors():
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")


def test_a_broken_device_is_lost_and_other_errors_pass():
    with pytest.raises(DeviceLost), device_errors():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="shape"), device_errors():
        raise RuntimeError("shape mismatch")
