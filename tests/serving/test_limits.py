import pytest

from app.config import Settings
from app.main import make_engine
from app.metrics import Metrics


@pytest.mark.parametrize(
    ("cores", "threads", "long"), [(1, 2, 1), (2, 2, 1), (2, 4, 1), (3, 2, 2), (16, 2, 2), (4, 8, 3)]
)
def test_large_pictures_leave_a_core_to_others(monkeypatch, cores, threads, long):
    monkeypatch.setattr("app.main.usable_cores", lambda: cores)
    assert make_engine(Settings(decode_threads=threads), Metrics()).limits.long_threads == long
