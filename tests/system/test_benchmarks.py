"""What the benchmarks take for granted of the real networks."""

import numpy as np
import pytest

from app.config import Settings
from app.faces.types import DetectOptions
from app.main import load_pipeline
from benchmarks.pictures import crowd, photo, photo_bytes
from benchmarks.stages import shares, targets_of


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(Settings(device="cpu"))


def test_every_stage_is_timed_and_put_back(pipeline):
    before = {stage: getattr(owner, name) for stage, (owner, name) in targets_of(pipeline).items()}

    measured = shares(pipeline, photo_bytes(), 1.0)

    assert min(measured.values()) > 0
    assert sum(measured.values()) == pytest.approx(1.0)
    assert max(measured, key=measured.get) == "detector"
    assert {stage: getattr(owner, name) for stage, (owner, name) in targets_of(pipeline).items()} == before


@pytest.mark.parametrize(("shown", "least", "most"), [(0, 0, 0), (1, 1, 1), (36, 32, 36), (144, 128, 144)])
def test_a_crowd_has_the_faces_it_was_made_to_show(pipeline, shown, least, most):
    [found] = pipeline.detect([np.asarray(crowd(shown))], [DetectOptions()])

    assert least <= len(found.faces) <= most


def test_the_photo_shows_two_faces(pipeline):
    [found] = pipeline.detect([np.asarray(photo())], [DetectOptions()])

    assert len(found.faces) == 2
