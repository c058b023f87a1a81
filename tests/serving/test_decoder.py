import asyncio
import gc
import threading
import weakref

import pytest

from app.errors import BadPayload, NotReady, Overloaded
from app.manifest import EMOTION
from app.serving.decoder import Decoder, PixelBudget
from app.serving.engine import Engine, EngineLimits
from tests.conftest import FakePipeline, encode, gradient
from tests.serving.test_engine import Stuck, run_with


class Payload(bytearray):
    """Bytes that a weak reference can point at."""


def later(seconds=30.0):
    return asyncio.get_running_loop().time() + seconds


async def all_free(budget, capacity):
    """Wait until everything was given back (a thread may still be letting go of the last picture)."""
    await asyncio.to_thread(budget.acquire, capacity, 10.0)
    budget.release(capacity)


def test_budget_makes_the_next_one_wait_until_there_is_room():
    budget, got = PixelBudget(10), threading.Event()
    budget.acquire(8, timeout_s=0)
    waiting = threading.Thread(target=lambda: (budget.acquire(5, timeout_s=30), got.set()))
    waiting.start()
    assert not got.is_set()
    budget.release(8)
    waiting.join()
    assert (got.is_set(), budget.held) == (True, 5)


def test_budget_gives_up_in_time_and_when_closed():
    budget = PixelBudget(10)
    budget.acquire(10, timeout_s=0)
    with pytest.raises(Overloaded):
        budget.acquire(1, timeout_s=0)
    budget.close()
    with pytest.raises(NotReady):
        budget.acquire(1, timeout_s=30)


def test_pixels_count_for_as_long_as_the_picture_lives():
    decoder = Decoder(threads=1, max_pixels=10_000, max_pixels_held=10_000)

    async def run():
        picture = await decoder.decode(encode(gradient(64, 48)), later())
        assert decoder.budget.held == 64 * 48
        view = picture.image[:10]
        del picture
        assert decoder.budget.held == 64 * 48
        del view
        await all_free(decoder.budget, 10_000)
        with pytest.raises(BadPayload):
            await decoder.decode(encode(gradient(64, 48))[:200], later())
        await all_free(decoder.budget, 10_000)

    asyncio.run(run())
    decoder.stop()


def test_parts_count_alone_once_they_are_cut():
    decoder = Decoder(threads=1, max_pixels=10_000, max_pixels_held=10_000)

    async def run():
        first, second = await decoder.decode_parts(encode(gradient(64, 48)), [(0, 0, 8, 4), (1, 1, 3, 4)], later())
        assert decoder.budget.held == 8 * 4 + 2 * 3
        del first
        await all_free(decoder.budget, 10_000 - 2 * 3)
        assert decoder.budget.held == 2 * 3
        del second
        await all_free(decoder.budget, 10_000)
        with pytest.raises(BadPayload):
            await decoder.decode_parts(encode(gradient(64, 48))[:200], [(0, 0, 8, 4)], later())
        await all_free(decoder.budget, 10_000)

    asyncio.run(run())
    decoder.stop()


def test_who_leaves_while_all_threads_are_busy_takes_the_payload_along():
    decoder = Decoder(threads=1, max_pixels=10_000, max_pixels_held=10_000)
    payload, freed = Payload(encode(gradient(64, 48))), threading.Event()
    weakref.finalize(payload, freed.set)
    decoder.budget.acquire(10_000, timeout_s=0)

    async def run():
        nonlocal payload
        busy = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later()))
        waiting = asyncio.create_task(decoder.decode(payload, later()))
        payload = None
        for _ in range(3):
            await asyncio.sleep(0)  # the first one has the only thread now, and waits for memory
        waiting.cancel()
        await asyncio.wait({waiting})
        del waiting
        gc.collect()
        assert freed.is_set()
        decoder.budget.release(10_000)
        await busy
        assert (await decoder.decode(encode(gradient(64, 48)), later())).image.shape == (48, 64, 3)

    asyncio.run(run())
    decoder.stop()


def test_no_room_is_told_before_the_deadline():
    engine = Engine(FakePipeline, EngineLimits(max_pixels=64 * 48, max_pixels_held=64 * 48, deadline_s=20.0))
    acquire, waits_s = engine._decoder.budget.acquire, []

    def hurry(pixels, timeout_s):
        waits_s.append(timeout_s)
        acquire(pixels, timeout_s=min(timeout_s, 0.1))

    async def steps():
        acquire(64 * 48, timeout_s=0)
        engine._decoder.budget.acquire = hurry
        with pytest.raises(Overloaded, match="memory"):
            await engine.classify(encode(gradient(64, 48)))
        assert 10 < waits_s[0] <= 18
        engine._decoder.budget.release(64 * 48)
        assert EMOTION in await engine.classify(encode(gradient(64, 48)))

    run_with(engine, steps)


def test_many_pictures_share_little_memory():
    """Ten pictures through room for two: all are answered, and never more than two were held."""
    most = []

    class Watching(FakePipeline):
        def classify(self, images, boxes):
            most.append(engine.pixels_held)
            return super().classify(images, boxes)

    engine = Engine(Watching, EngineLimits(max_pixels=64 * 48, max_pixels_held=2 * 64 * 48))

    async def steps():
        answers = await asyncio.gather(*(engine.classify(encode(gradient(seed=i))) for i in range(10)))
        assert len(answers) == 10

    run_with(engine, steps)
    assert 0 < max(most) <= 2 * 64 * 48


def test_idle_engine_holds_no_pixels():
    engine = Engine(FakePipeline, EngineLimits(max_pixels_held=10**8))

    async def steps():
        await asyncio.gather(*(engine.classify(encode(gradient(seed=i))) for i in range(4)))
        await all_free(engine._decoder.budget, 10**8)

    run_with(engine, steps)


def test_stop_does_not_wait_for_decodes_and_answers_those_that_had_not_begun():
    pipeline = Stuck()
    picture = encode(gradient(64, 48))
    limits = EngineLimits(max_pixels=64 * 48, max_pixels_held=64 * 48, decode_threads=1)
    engine = Engine(lambda: pipeline, limits)

    async def run():
        await engine.start()
        running = asyncio.create_task(engine.classify(picture))
        await asyncio.to_thread(pipeline.entered.wait)
        others = [asyncio.create_task(engine.classify(picture)) for _ in range(3)]
        await asyncio.sleep(0)  # one waits for memory in the only thread, two wait for the thread
        stopping = asyncio.create_task(engine.stop())
        for task in others:
            with pytest.raises(NotReady):
                await task
        pipeline.open.set()
        assert EMOTION in await running
        await stopping

    asyncio.run(run())
