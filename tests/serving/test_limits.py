import pytest

from app.config import Settings
from app.main import make_engine
from app.metrics import Metrics
from app.serving.limits import batch_size


@pytest.mark.parametrize(("cores", "pictures"), [(1, 4), (2, 4), (4, 8), (8, 16), (64, 16)])
def test_passes_take_about_as_long_whatever_the_number_of_cores(cores, pictures):
    assert batch_size(cores) == pictures
    assert make_engine(Settings(threads=cores, device="cpu"), Metrics()).limits.max_batch_size == pictures


@pytest.mark.parametrize(("runtime", "pictures"), [("auto", 16), ("torch", 16), ("openvino", 4)])
def test_a_gpu_takes_large_passes(runtime, pictures):
    settings = Settings(threads=1, device="cuda:0", runtime=runtime)
    assert make_engine(settings, Metrics()).limits.max_batch_size == pictures


@pytest.mark.parametrize(
    ("cores", "threads", "long"), [(1, 2, 1), (2, 2, 1), (2, 4, 1), (3, 2, 2), (16, 2, 2), (4, 8, 3)]
)
def test_large_pictures_leave_a_core_to_others(monkeypatch, cores, threads, long):
    monkeypatch.setattr("app.main.usable_cores", lambda: cores)
    assert make_engine(Settings(decode_threads=threads), Metrics()).limits.long_threads == long


def test_the_setting_goes_first():
    assert make_engine(Settings(threads=1, max_batch_size=32), Metrics()).limits.max_batch_size == 32
