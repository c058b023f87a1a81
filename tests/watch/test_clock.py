import pytest

from app.watch.clock import FileClock


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([7.0, 7.5, 7.6, 9.0], [0, 0.5, 0.6, 2.0]),
        ([None, None, None], [0, 0.1, 0.2]),
        ([None, None, 40.0, 40.3, None, 40.6], [0, 0.1, 0.2, 0.5, 0.6, 0.8]),
        ([3.0, 3.0, 3.05, 2.0, 3.6], [0, 0.1, 0.2, 0.3, 0.6]),
    ],
    ids=["uneven", "none", "some", "not forward"],
)
def test_times_of_a_file_begin_at_0_and_go_forward(stamps, times):
    clock = FileClock(fps=10)
    assert [clock.time_of(stamp) for stamp in stamps] == pytest.approx(times)
