import math

import pytest

from benchmarks.spread import spread, steady


def test_percentiles_lie_between_the_closest_ranks():
    measured = spread([float(value) for value in range(101)][::-1])

    assert (measured.p50_ms, measured.p95_ms, measured.p99_ms) == (50.0, 95.0, 99.0)


def test_one_time_is_every_percentile():
    measured = spread([7.0])

    assert measured.p50_ms == measured.p99_ms == 7.0


def test_no_answer_has_no_percentiles():
    with pytest.raises(ValueError, match="Nothing was answered"):
        spread([])


def test_the_slope_leaves_out_the_first_fifth():
    filling = [(float(x), 100.0 * x) for x in range(20)]
    steadily = [(float(x), 2000.0 + 0.5 * x) for x in range(20, 101)]

    mean, slope = steady(filling + steadily)

    assert mean == pytest.approx(2030.0)
    assert slope == pytest.approx(0.5)


def test_two_samples_have_no_slope():
    mean, slope = steady([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])

    assert mean == 4.0
    assert math.isnan(slope)
