import pytest
import torch

from app.errors import DeviceUnavailable
from app.vision.device import resolve_device


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
