"""Simulated streams: no more ids are lost or mixed up than by ultralytics' ByteTrack on the same frames."""

import itertools

import pytest

from tests.tracks.scenes import SCENES
from tests.tracks.simulation import play

BYTETRACK_SWITCHES = dict(zip(SCENES, (2, 0, 3, 0, 7, 0, 10, 13, 0), strict=True))
BYTETRACK_MIXUPS = 18


@pytest.fixture(scope="module")
def scores():
    """Four runs of each scene, in which the detector misses every tenth face."""
    runs = list(itertools.product(("10 fps", "30 fps irregular"), (0, 1)))
    return {build: [play(build, camera, 0.1, seed=seed) for camera, seed in runs] for build in SCENES}


@pytest.mark.parametrize("build", SCENES, ids=lambda build: build.__name__)
def test_ids_switch_no_more_than_with_bytetrack(scores, build):
    assert sum(score.switches for score in scores[build]) <= BYTETRACK_SWITCHES[build]


def test_ids_are_mixed_up_no_more_than_with_bytetrack(scores):
    assert sum(score.mixups for some in scores.values() for score in some) <= BYTETRACK_MIXUPS
