"""Faults injected into the networks: nobody hangs, nobody gets another's answer, and what can go on goes on."""

import asyncio
import dataclasses
import threading

import pytest

from app.errors import DeadlineExceeded, DeviceLost, InferenceFailed, NotReady, OutOfMemory
from app.faces.types import Detection, DetectOptions, Face
from app.manifest import EMOTION
from app.serving.engine import Engine, EngineLimits
from tests.serving.test_engine import run_with
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities, emotion
from tests.support.stuck_pipeline import Stuck


class Small(FakePipeline):
    """Has memory for batches up to `room` pictures."""

    def __init__(self, room):
        super().__init__()
        self.room, self.tried = room, []

    def classify(self, images, boxes, asked):
        self.tried.append(len(images))
        if len(images) > self.room:
            raise OutOfMemory("full")
        return super().classify(images, boxes, asked)


async def classify_as_one_batch(engine, pipeline_gate, images):
    """Hold the networks with a first picture, so that all others gather into one batch."""
    first = asyncio.create_task(engine.detect(encode(gradient()), DetectOptions()))
    await asyncio.to_thread(pipeline_gate.entered.wait)
    tasks = [asyncio.create_task(engine.classify(encode(image))) for image in images]
    while engine._networks._batcher.waiting < len(images):  # noqa: ASYNC110 - the batcher has no event for a test
        await asyncio.sleep(0)
    pipeline_gate.open.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


class Gated(Small):
    def __init__(self, room):
        super().__init__(room)
        self.entered, self.open = threading.Event(), threading.Event()

    def detect(self, images, options):
        if images:
            self.entered.set()
            self.open.wait()
        return super().detect(images, options)


def test_a_full_device_halves_the_batch_and_goes_on():
    pipeline = Gated(room=3)
    engine = Engine(lambda: pipeline, EngineLimits())
    images = [gradient(seed=i) for i in range(10)]

    async def steps():
        answers = [answers for answers, _ in await classify_as_one_batch(engine, pipeline, images)]
        assert answers == [emotion(digest_probabilities(image)) for image in images]
        assert engine.ready

    run_with(engine, steps)
    assert pipeline.tried[:3] == [10, 5, 2]
    assert set(pipeline.tried[2:]) == {2}


def test_not_even_one_picture_fits():
    pipeline = Small(room=0)
    engine = Engine(lambda: pipeline, EngineLimits())

    async def steps():
        with pytest.raises(OutOfMemory):
            await engine.classify(encode(gradient()))
        pipeline.room = 1
        assert EMOTION in (await engine.classify(encode(gradient())))[0]

    run_with(engine, steps)


def test_a_lost_device_ends_the_engine():
    class Lost(FakePipeline):
        def classify(self, images, boxes, asked):
            if images:
                raise DeviceLost("gone")
            return []

    engine = Engine(Lost, EngineLimits())

    async def steps():
        with pytest.raises(DeviceLost):
            await engine.classify(encode(gradient()))
        await asyncio.to_thread(engine._networks._batcher._thread.join)
        assert not engine.alive
        assert not engine.ready
        with pytest.raises(NotReady):
            await engine.classify(encode(gradient()))

    run_with(engine, steps)


@pytest.mark.parametrize(
    "row",
    [(float("nan"),) * 5, (float("inf"), 0.0, 0.0, 0.0, 0.0), (0.5, 0.5), (0.9,) * 5, (2.0, -1.0, 0.0, 0.0, 0.0), ()],
)
def test_rows_that_are_no_distribution_fail_alone(row):
    poisoned = gradient(seed=1)

    class Wrong(FakePipeline):
        def classify(self, images, boxes, asked):
            return [emotion(row if (image == poisoned).all() else digest_probabilities(image)) for image in images]

        def detect(self, images, options):
            found = super().detect(images, options)
            return [
                dataclasses.replace(each, faces=(dataclasses.replace(each.faces[0], answers=emotion(row)),))
                if (image == poisoned).all() else each
                for image, each in zip(images, found, strict=True)
            ]  # fmt: skip

    engine = Engine(Wrong, EngineLimits())

    async def steps():
        for ask in (engine.classify, lambda payload: engine.detect(payload, DetectOptions())):
            good, bad = await asyncio.gather(
                ask(encode(gradient())), ask(encode(poisoned)), return_exceptions=True
            )  # fmt: skip
            assert not isinstance(good, Exception)
            assert isinstance(bad, InferenceFailed)

    run_with(engine, steps)


def test_a_box_that_is_not_a_number():
    class Wrong(FakePipeline):
        def _faces(self, image, options):
            found = super()._faces(image, options)
            lost = Face(Detection((0.0, float("nan"), 1.0, 1.0), 0.9), found.faces[0].answers)
            return dataclasses.replace(found, faces=(lost,))

    engine = Engine(Wrong, EngineLimits())

    async def steps():
        with pytest.raises(InferenceFailed, match="not a number"):
            await engine.detect(encode(gradient()), DetectOptions())

    run_with(engine, steps)


@pytest.mark.parametrize(("stall_after_s", "later"), [(60.0, DeadlineExceeded), (0.01, NotReady)])
def test_hanging_networks_time_out_then_count_as_dead(stall_after_s, later):
    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits(deadline_s=0.05, stall_after_s=stall_after_s, queue_size=3))

    async def run():
        await engine.start()
        while not pipeline.entered.is_set():
            with pytest.raises(DeadlineExceeded):
                await engine.classify(encode(gradient()))
        while later is NotReady and engine.alive:  # noqa: ASYNC110 - the engine has no event for a test
            await asyncio.sleep(0.01)
        for _ in range(5):  # more than the queue holds: who gave up leaves no trace in it
            with pytest.raises(later):
                await engine.classify(encode(gradient()))
        assert engine.alive == engine.ready == (later is DeadlineExceeded)
        await engine.stop()  # ends although the thread still hangs
        pipeline.open.set()

    asyncio.run(run())


def test_networks_are_loaded_warmed_and_run_on_one_thread():
    threads = set()

    class Recording(FakePipeline):
        def __init__(self):
            super().__init__()
            threads.add(threading.current_thread())

        def warm_up(self):
            threads.add(threading.current_thread())

        def classify(self, images, boxes, asked):
            threads.add(threading.current_thread())
            return super().classify(images, boxes, asked)

    engine = Engine(Recording, EngineLimits())

    async def steps():
        await engine.classify(encode(gradient()))

    run_with(engine, steps)
    assert [thread.name for thread in threads] == ["inference"]


def test_draining_finishes_what_is_in_work_and_refuses_the_rest():
    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits())

    async def steps():
        running = asyncio.create_task(engine.classify(encode(gradient())))
        await asyncio.to_thread(pipeline.entered.wait)
        engine.drain()
        assert engine.alive
        assert not engine.ready
        with pytest.raises(NotReady):
            await engine.classify(encode(gradient()))
        pipeline.open.set()
        answers, _ = await running
        assert answers == emotion(digest_probabilities(gradient()))

    run_with(engine, steps)
