"""Where pictures are looked at, as the command line has it."""

import sys

import pytest

from app.batch.here import Here
from app.batch.looking import looking_of
from app.config import Settings
from app.errors import InvalidRequest
from app.faces.types import DetectOptions
from tests.batch.runs import LIMITS


def test_without_a_cluster_it_is_here():
    assert isinstance(looking_of(None, Settings(), DetectOptions(), LIMITS), Here)


def test_a_cluster_needs_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InvalidRequest, match=r"^ray is not installed: run pip install -e '\.\[ray\]'"):
        looking_of("auto", Settings(), DetectOptions(), LIMITS)
