"""Percentiles and slopes of measurements."""

import math
import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks.results import Spread

FILLING_SHARE = 0.2
"""Share of a run, at its start, left out of the memory's slope: pools and caches fill."""

MIN_SAMPLES = 3
"""A line always fits two samples."""


def spread(times_ms: Sequence[float]) -> Spread:
    """Return the percentiles of at least one time, by linear interpolation between the closest ranks.

    Raises:
        ValueError: If there are no times.
    """
    if not times_ms:
        raise ValueError("Nothing was answered, so that there is no time to take percentiles of.")
    p50, p95, p99 = np.percentile(times_ms, (50, 95, 99))
    return Spread(p50_ms=float(p50), p95_ms=float(p95), p99_ms=float(p99))


def steady(samples: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return mean and slope of y over x after the first fifth of the range of x.

    Args:
        samples: (x, y) with rising x; at least one.

    Returns:
        The mean, and the slope; the slope is NaN if fewer than three samples are left.
    """
    first, last = samples[0][0], samples[-1][0]
    kept = [each for each in samples if each[0] >= first + FILLING_SHARE * (last - first)]
    x, y = zip(*kept, strict=True)
    slope = statistics.linear_regression(x, y).slope if len(kept) >= MIN_SAMPLES else math.nan
    return statistics.fmean(y), slope
