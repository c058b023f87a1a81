"""Which networks of a manifest are opened."""

import numpy as np
import pytest

from app.errors import WeightsError
from app.faces.pipeline import Pipeline
from tests.support.manifest import make_manifest


class Opening:
    """A runtime that notes what it is asked to open; no file is there."""

    name = description = "test"

    def __init__(self):
        self.opened = []

    def open(self, network):
        self.opened.append(network.name)
        return lambda batch: (np.zeros((len(batch), len(network.card.labels)), np.float32),)


@pytest.fixture
def folder(tmp_path):
    manifest = make_manifest({"gender": ("female", "male"), "glasses": ("none", "worn")})
    (tmp_path / "manifest.json").write_text(manifest.model_dump_json(by_alias=True))
    return tmp_path


@pytest.mark.parametrize(
    ("attributes", "opened"),
    [
        ((), ["detector", "emotion"]),
        (("gender",), ["detector", "emotion", "gender"]),
        (("emotion",), ["detector", "emotion"]),
    ],
)
def test_networks_that_nobody_may_ask_are_not_opened(folder, attributes, opened):
    runtime = Opening()
    pipeline = Pipeline.load(folder, runtime, attributes=attributes)
    assert runtime.opened == opened
    assert set(pipeline.manifest.networks) == set(opened)


def test_an_attribute_without_a_network_stops_the_start(folder):
    runtime = Opening()
    with pytest.raises(WeightsError, match="'age'; besides emotion: gender, glasses"):
        Pipeline.load(folder, runtime, attributes=("age",))
    assert runtime.opened == []
