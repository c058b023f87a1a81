import asyncio

import pytest

from app.errors import BadPayload, DeadlineExceeded, InferenceFailed, NotReady, Overloaded
from app.faces.types import DetectOptions
from app.manifest import EMOTION
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities, emotion
from tests.support.stuck_pipeline import Stuck


def run_with(engine, steps):
    async def run():
        await engine.start()
        try:
            await steps()
        finally:
            await engine.stop()

    asyncio.run(run())


def test_warm_up_comes_before_ready():
    pipeline = FakePipeline()
    engine = Engine(lambda: pipeline, EngineLimits())
    assert not engine.ready
    assert engine.alive

    async def steps():
        assert engine.ready
        assert pipeline.warmed_up

    run_with(engine, steps)
    assert not engine.ready
    assert not engine.alive


def test_failing_warm_up_fails_the_start():
    class Broken(FakePipeline):
        def warm_up(self):
            raise RuntimeError("no good")

    with pytest.raises(InferenceFailed, match="no good"):
        run_with(Engine(Broken, EngineLimits()), lambda: None)


def test_before_start():
    engine = Engine(FakePipeline, EngineLimits())
    with pytest.raises(NotReady):
        asyncio.run(engine.detect(encode(gradient()), DetectOptions()))
    with pytest.raises(NotReady):
        _ = engine.manifest


def test_detections_and_classifications_share_a_batch():
    engine = Engine(FakePipeline, EngineLimits())
    images = [gradient(seed=i) for i in range(6)]

    async def steps():
        detections = [engine.detect(encode(image), DetectOptions()) for image in images]
        classifications = [engine.classify(encode(image)) for image in images]
        answers = await asyncio.gather(*detections, *classifications)
        for image, found, (answers_there, _) in zip(images, answers[:6], answers[6:], strict=True):
            assert found.faces[0].answers == answers_there == emotion(digest_probabilities(image))
            assert set(found.timings_ms) == {"decode", "detect", "classify"}

    run_with(engine, steps)


def test_bad_bytes_fail_alone():
    engine = Engine(FakePipeline, EngineLimits())

    async def steps():
        good, bad = await asyncio.gather(
            engine.classify(encode(gradient())), engine.classify(encode(gradient())[:60]), return_exceptions=True
        )
        assert EMOTION in good[0]
        assert isinstance(bad, BadPayload)

    run_with(engine, steps)


def test_lost_result_is_an_error_not_a_shift():
    class Lossy(FakePipeline):
        def classify(self, images, boxes, asked):
            return super().classify(images, boxes, asked)[1:]

    engine = Engine(Lossy, EngineLimits())

    async def steps():
        with pytest.raises(InferenceFailed):
            await engine.classify(encode(gradient()))

    run_with(engine, steps)


def test_a_picture_that_is_kept_to_draw_on_is_decoded_once_and_in_full():
    pipeline, payload = FakePipeline(), encode(gradient(3840, 64), "JPEG")
    engine = Engine(lambda: pipeline, EngineLimits(max_pixels=3840 * 64, max_pixels_held=3840 * 64))
    decode, decoded = engine._decoder.decode, []

    async def count(*arguments):
        decoded.append(arguments)
        return await decode(*arguments)

    engine._decoder.decode = count

    async def steps():
        found, image = await engine.detect_and_keep(payload, DetectOptions())
        assert len(decoded) == 1
        assert (found.width, found.height) == (image.shape[1], image.shape[0]) == (3840, 64)
        assert found.faces[0].answers == emotion(digest_probabilities(image))
        assert engine.admission.pixels.held == 3840 * 64
        with pytest.raises((Overloaded, DeadlineExceeded)):
            await engine.detect(payload, DetectOptions(), asyncio.get_running_loop().time() + 0.05)
        del image
        with pytest.raises(BadPayload):
            await engine.detect_and_keep(b"", DetectOptions())

    run_with(engine, steps)
    with pytest.raises(NotReady):
        asyncio.run(engine.detect_and_keep(payload, DetectOptions()))


def test_deadline():
    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits(deadline_s=0.05))

    async def steps():
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await engine.classify(encode(gradient()))
        pipeline.open.set()

    run_with(engine, steps)


def test_one_too_many_is_refused_at_once():
    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits(queue_size=2))

    async def steps():
        tasks = [asyncio.create_task(engine.classify(encode(gradient()))) for _ in range(2)]
        await asyncio.to_thread(pipeline.entered.wait)
        with pytest.raises(Overloaded):
            await engine.classify(encode(gradient()))
        pipeline.open.set()
        await asyncio.gather(*tasks)
        assert EMOTION in (await engine.classify(encode(gradient())))[0]

    run_with(engine, steps)
