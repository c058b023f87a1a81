"""Crowds are classified in turns, in which others have theirs."""

import asyncio
import threading
from dataclasses import replace

import numpy as np

from app.faces.types import DetectOptions
from app.serving.inference import Inference
from app.serving.limits import FACES_A_TURN, EngineLimits
from app.serving.networks import Networks
from app.serving.observer import SilentObserver
from tests.support.pipeline import FakePipeline, digest_probabilities

CROWD = 3 * FACES_A_TURN + 1
SMALL, LARGE = (np.full((side, side, 3), side, np.uint8) for side in (40, 80))


class Crowds(FakePipeline):
    """Large pictures are crowds, whose faces are left to `classify`, which waits for the first search of another."""

    def __init__(self, further=None):
        super().__init__(further)
        self.order, self.other_asks = [], threading.Event()

    def detect(self, images, options):
        self.order += [f"search {len(image)}" for image in images]
        return [
            replace(found, faces=(replace(found.faces[0], answers={}),) * CROWD) if len(image) == 80 else found
            for image, found in zip(images, super().detect(images, options), strict=True)
        ]

    def classify(self, images, boxes, asked):
        assert self.other_asks.wait(30)
        self.order.append(f"classify {len(images)}")
        return super().classify(images, boxes, asked)


def test_a_crowd_is_answered_in_turns_and_another_client_comes_between():
    pipeline = Crowds()

    async def run():
        networks = Networks(Inference(lambda: pipeline, SilentObserver()), EngineLimits(), 10, SilentObserver())
        await networks.start()
        crowd = asyncio.create_task(networks.find(LARGE, DetectOptions(), "crowd"))
        while "search 80" not in pipeline.order:  # noqa: ASYNC110 - it is another thread's list
            await asyncio.sleep(0.001)
        other = asyncio.create_task(networks.find(SMALL, DetectOptions(), "other"))
        await asyncio.sleep(0)
        pipeline.other_asks.set()
        found = await crowd, await other
        await networks.stop(10)
        return found

    of_crowd, of_other = asyncio.run(run())
    assert of_other.is_answered
    assert len(of_crowd.faces) == CROWD
    expected = digest_probabilities(LARGE)
    assert all(face.answers["emotion"].probabilities == expected for face in of_crowd.faces)
    turns = [each for each in pipeline.order if each.startswith("classify")]
    assert turns == [f"classify {FACES_A_TURN}"] * 3 + ["classify 1"]
    assert pipeline.order.index("search 40") < pipeline.order.index("classify 1")


def test_a_turn_has_fewer_faces_where_more_is_asked_of_each():
    pipeline = Crowds({"gender": ("female", "male")})
    pipeline.other_asks.set()

    async def run():
        networks = Networks(Inference(lambda: pipeline, SilentObserver()), EngineLimits(), 10, SilentObserver())
        await networks.start()
        found = await networks.find(LARGE, DetectOptions(attributes=("gender",)), "crowd")
        await networks.stop(10)
        return found

    assert all(set(face.answers) == {"emotion", "gender"} for face in asyncio.run(run()).faces)
    turns = [each for each in pipeline.order if each.startswith("classify")]
    assert turns == [f"classify {FACES_A_TURN // 2}"] * 6 + ["classify 1"]


class Slow(FakePipeline):
    """Notes how large the pictures of each batch are; the first batch waits."""

    def __init__(self):
        super().__init__()
        self.batches, self.began, self.go = [], threading.Event(), threading.Event()

    def detect(self, images, options):
        self.batches.append([image.shape[:2] for image in images])
        self.began.set()
        assert self.go.wait(30)
        return super().detect(images, options)


def test_pictures_of_ever_other_shapes_let_those_of_others_through():
    pipeline = Slow()
    usual, shapes = (32, 32), [(32, 64), (64, 32), (32, 96), (96, 32), (32, 128), (128, 32)]

    async def run():
        limits = EngineLimits(max_batch_size=4)
        networks = Networks(Inference(lambda: pipeline, SilentObserver()), limits, 100, SilentObserver())
        await networks.start()
        no_second = DetectOptions(second_looks=False)

        def find(shape, client):
            return asyncio.create_task(networks.find(np.zeros((*shape, 3), np.uint8), no_second, client))

        first = find(usual, "others")
        await asyncio.to_thread(pipeline.began.wait, 30)
        asked = [find(shape, "attacker") for shape in shapes] + [find(usual, "others") for _ in range(12)]
        await asyncio.sleep(0)
        pipeline.go.set()
        await asyncio.gather(first, *asked)
        await networks.stop(10)

    asyncio.run(run())
    until_all_others = pipeline.batches[: max(n for n, batch in enumerate(pipeline.batches) if usual in batch) + 1]
    assert sum(shape != usual for batch in until_all_others for shape in batch) <= 2
