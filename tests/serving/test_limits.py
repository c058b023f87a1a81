import pytest

from app.config import Settings
from app.main import make_engine
from app.metrics import Metrics
from app.serving.limits import batch_size


@pytest.mark.parametrize(("cores", "pictures"), [(1, 4), (2, 4), (4, 8), (8, 16), (64, 16)])
def test_passes_take_about_as_long_whatever_the_number_of_cores(cores, pictures):
    assert batch_size(cores) == pictures
    assert make_engine(Settings(threads=cores), Metrics()).limits.max_batch_size == pictures


def test_the_setting_goes_first():
    assert make_engine(Settings(threads=1, max_batch_size=32), Metrics()).limits.max_batch_size == 32
