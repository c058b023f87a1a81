"""Guided search beside whole search of every frame, with the weights that travel with the project, on made films."""

import asyncio

import pytest

from app.config import Settings
from app.main import load_pipeline
from app.serving.engine import Engine, EngineLimits
from benchmarks.cameras.films import FILMS, Shot
from benchmarks.cameras.quality import Quality, compare
from benchmarks.cameras.quality import answers as stream_answers

pytestmark = pytest.mark.slow

FPS, SECONDS = 10, 1.6
EVERY_S = Settings.model_fields["stream_search_every_s"].default


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(Settings(device="cpu", second_looks=False))


def answers(pipeline, shots, every_s):
    async def steps():
        engine = Engine(lambda: pipeline, EngineLimits())
        await engine.start()
        found = await stream_answers(engine, shots, every_s)
        await engine.stop()
        return found

    return asyncio.run(steps())


def test_guided_answers_are_those_of_whole_search(pipeline):
    together = Quality()
    for name in ("calm", "zoom", "turning", "light", "cuts"):
        shots = list(FILMS[name].shots(FPS, SECONDS))
        guided = answers(pipeline, shots, EVERY_S)
        together += compare(shots, answers(pipeline, shots, 0.0), guided)
        assert {each.search for each in guided} == {"whole", "guided"}, name
    figures = together.figures()
    assert figures["faces"] >= 120
    assert figures["recall"] >= 0.98
    assert figures["precision"] >= 0.98
    assert figures["mean IoU"] >= 0.93
    assert figures["label agreement"] >= 0.97
    assert figures["switches guided"] <= figures["switches whole"]


def test_who_comes_is_seen_within_six_tenths_of_a_second(pipeline):
    shots = list(FILMS["coming and going"].shots(FPS, 4.0))
    quality = compare(shots, answers(pipeline, shots, 0.0), answers(pipeline, shots, EVERY_S))
    assert len(quality.delays_s) >= 3
    assert max(quality.delays_s) <= 0.6


def test_a_frozen_camera_costs_no_more_than_the_searches_in_time(pipeline):
    [shot] = FILMS["calm"].shots(FPS, 0.1)
    frozen = [Shot(shot.image, index / 8, shot.people) for index in range(21)]
    found = answers(pipeline, frozen, 0.5)
    searches = ["whole", *["guided"] * 3, "whole", *["guided"] * 11, "whole", *["guided"] * 4]
    assert [each.search for each in found] == searches, "the first frame alone is decoded in full"
    assert {tuple(face.track_id for face in each.faces) for each in found} == {(1, 2)}
    kept = [{face.is_kept for face in each.faces} for each in found]
    assert kept == [{False}, *[{True}, {False}] * 10], "answers are kept for 0.2 s"
