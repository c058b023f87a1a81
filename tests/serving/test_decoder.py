import asyncio
import gc
import threading
import time
import weakref

import pytest

from app.errors import BadPayload, NotReady, Overloaded
from app.manifest import EMOTION
from app.pictures.large import USUAL_JPEG_PIXELS
from app.serving.admission import Admission
from app.serving.decoder import Decoder
from app.serving.engine import Engine, EngineLimits
from tests.serving.test_engine import run_with
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline
from tests.support.stuck_pipeline import Stuck


class Payload(bytearray):
    """Bytes that a weak reference can point at."""


def later(seconds=30.0):
    return asyncio.get_running_loop().time() + seconds


def one_thread(pixels=10_000):
    """Return a decoder with one thread, and the pixels that it may fill."""
    admission = Admission(pictures=64, at_once=64, decoders=1, pixels=pixels)
    return Decoder(10_000, admission), admission


async def all_free(budget, but=0):
    """Wait until everything was given back (a thread may still be letting go of the last picture)."""
    (await budget.wait("another", budget.capacity - but)).release()
    budget.take("another", 0)  # gets the books, and with them what that thread may have been about to book


async def until_they_wait(budget, amount=1):
    """Give a thread the time to read headers, after which pictures wait for memory."""
    while budget.waiting < amount:  # noqa: ASYNC110 - budgets have no event for a test
        await asyncio.sleep(0.001)


def test_pixels_count_for_as_long_as_the_picture_lives():
    decoder, admission = one_thread()

    async def run():
        picture = await decoder.decode(encode(gradient(64, 48)), later())
        assert admission.pixels.held == 64 * 48
        view = picture.image[:10]
        del picture
        assert admission.pixels.held == 64 * 48
        del view
        await all_free(admission.pixels)
        with pytest.raises(BadPayload):
            await decoder.decode(encode(gradient(64, 48))[:200], later())
        await all_free(admission.pixels)

    asyncio.run(run())
    decoder.stop()


def test_a_picture_whose_caller_leaves_hangs_in_no_cycle():
    decoder, admission = one_thread()
    begun, left = threading.Event(), threading.Event()

    def look(_):
        begun.set()
        assert left.wait(30)

    async def run():
        asked = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later(), look=look))
        await asyncio.to_thread(begun.wait, 30)
        asked.cancel()
        await asyncio.wait([asked])
        kept = weakref.ref(asked)
        del asked
        left.set()
        await all_free(admission.pixels)
        assert kept() is None

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()
        left.set()
    decoder.stop()


def test_parts_count_alone_once_they_are_cut():
    decoder, admission = one_thread()

    async def run():
        first, second = await decoder.decode_parts(encode(gradient(64, 48)), [(0, 0, 8, 4), (1, 1, 3, 4)], later())
        assert admission.pixels.held == 8 * 4 + 2 * 3
        del first
        await all_free(admission.pixels, but=2 * 3)
        assert admission.pixels.held == 2 * 3
        del second
        await all_free(admission.pixels)
        with pytest.raises(BadPayload):
            await decoder.decode_parts(encode(gradient(64, 48))[:200], [(0, 0, 8, 4)], later())
        await all_free(admission.pixels)

    asyncio.run(run())
    decoder.stop()


def test_who_leaves_while_all_threads_are_busy_takes_the_payload_along():
    decoder, admission = one_thread()
    payload, freed = Payload(encode(gradient(64, 48))), threading.Event()
    weakref.finalize(payload, freed.set)
    busy = admission.decoders.take("another")

    async def run():
        nonlocal payload
        waiting = asyncio.create_task(decoder.decode(payload, later()))
        payload = None
        await until_they_wait(admission.decoders)
        waiting.cancel()
        await asyncio.wait({waiting})
        del waiting
        gc.collect()
        assert freed.is_set()
        busy.release()
        assert (await decoder.decode(encode(gradient(64, 48)), later())).image.shape == (48, 64, 3)

    asyncio.run(run())
    decoder.stop()


def test_who_waits_for_memory_keeps_no_thread():
    decoder, admission = one_thread()

    async def run():
        full = admission.pixels.take("another", 10_000)
        waiting = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later()))
        await until_they_wait(admission.pixels)
        assert admission.decoders.held == 0
        with pytest.raises(BadPayload):  # which the only thread finds out
            await decoder.decode(b"", later())
        assert not waiting.done()
        full.release()
        assert (await waiting).image.shape == (48, 64, 3)

    asyncio.run(run())
    decoder.stop()


@pytest.mark.parametrize("where", ["for memory", "for a thread"])
def test_who_leaves_while_it_waits_leaves_nothing_behind(where):
    decoder, admission = one_thread()
    budget = admission.pixels if where == "for memory" else admission.decoders

    async def run():
        full = budget.take("another", budget.capacity)
        leaving = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later()))
        await until_they_wait(budget)
        leaving.cancel()
        await asyncio.wait({leaving})
        full.release()
        for each in (admission.pixels, admission.decoders):
            await all_free(each)
            assert (each.held, each.waiting, each.clients) == (0, 0, 0)

    asyncio.run(run())
    decoder.stop()


def test_who_leaves_between_memory_and_thread_gives_the_memory_back():
    decoder, admission = one_thread()

    async def run():
        memory = admission.pixels.take("another", 10_000)
        leaving = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later()))
        await until_they_wait(admission.pixels)
        thread = admission.decoders.take("another")
        memory.release()
        await until_they_wait(admission.decoders)
        assert admission.pixels.held > 0
        leaving.cancel()
        await asyncio.wait({leaving})
        assert admission.pixels.held == 0
        thread.release()

    asyncio.run(run())
    decoder.stop()


def test_a_turn_of_a_thread_costs_the_time_that_it_took():
    decoder, admission = one_thread()
    give, costs_ms = admission.decoders.give, []

    def note(client, amount, cost):
        costs_ms.append(cost)
        give(client, amount, cost)

    async def run():
        admission.decoders.give = note
        began = time.monotonic()
        await decoder.decode(encode(gradient(64, 48)), later())
        assert 0 < costs_ms[0] <= 1e3 * (time.monotonic() - began)

    asyncio.run(run())
    decoder.stop()


def test_usual_pictures_do_not_wait_for_large_ones_or_for_drawing_them():
    admission = Admission(pictures=8, at_once=8, decoders=1, pixels=10**8)
    decoder, began, go = Decoder(10**8, admission), threading.Event(), threading.Event()
    large = encode(gradient(1_920, 1_100))

    def draw():
        began.set()
        assert go.wait(30)

    async def steps():
        drawn = asyncio.create_task(decoder.run(draw, "a", of_pixels=USUAL_JPEG_PIXELS + 1))
        await asyncio.to_thread(began.wait, 30)
        waiting = asyncio.create_task(decoder.decode(large, later(), client="a"))
        await until_they_wait(admission.long_work)
        for _ in range(3):
            assert (await decoder.decode(encode(gradient(64, 48)), later(), client="b")).width == 64
        assert await decoder.run(lambda: 1, "b", of_pixels=USUAL_JPEG_PIXELS) == 1
        assert not waiting.done()
        go.set()
        assert (await waiting).width == 1_920
        await drawn
        del waiting
        for budget in (admission.long_work, admission.decoders, admission.pixels):
            await all_free(budget)

    asyncio.run(steps())
    decoder.stop()


def test_a_large_picture_waits_for_memory_on_its_lane():
    admission = Admission(pictures=8, at_once=8, decoders=1, pixels=10**7)
    decoder = Decoder(10**8, admission)

    async def steps():
        full = admission.pixels.take("another", 8 * 10**6)
        waiting = asyncio.create_task(decoder.decode(encode(gradient(1_920, 1_100)), later(), client="a"))
        await until_they_wait(admission.pixels)
        assert (admission.decoders.held, admission.long_work.held) == (0, 0)
        full.release()
        assert (await waiting).width == 1_920

    asyncio.run(steps())
    decoder.stop()


def test_no_room_is_told_before_the_deadline():
    engine = Engine(FakePipeline, EngineLimits(max_pixels=64 * 48, max_pixels_held=64 * 48, deadline_s=20.0))
    pixels = engine.admission.pixels
    wait, waits_s = pixels.wait, []

    async def hurry(client, amount, until):
        now = asyncio.get_running_loop().time()
        waits_s.append(until - now)
        return await wait(client, amount, now)

    async def steps():
        full = pixels.take("another", 64 * 48)
        pixels.wait = hurry
        with pytest.raises(Overloaded, match="memory"):
            await engine.classify(encode(gradient(64, 48)))
        assert 10 < waits_s[0] <= 18
        full.release()
        assert EMOTION in (await engine.classify(encode(gradient(64, 48))))[0]

    run_with(engine, steps)


def test_many_pictures_share_little_memory():
    """Ten pictures through room for two: all are answered, and never more than two were held."""
    most = []

    class Watching(FakePipeline):
        def classify(self, images, boxes, asked):
            most.append(engine.admission.pixels.held)
            return super().classify(images, boxes, asked)

    engine = Engine(Watching, EngineLimits(max_pixels=64 * 48, max_pixels_held=2 * 64 * 48))

    async def answer_only(seed):
        answers, _ = await engine.classify(encode(gradient(seed=seed)))
        return answers

    async def steps():
        answers = await asyncio.gather(*(answer_only(i) for i in range(10)))
        assert len(answers) == 10

    run_with(engine, steps)
    assert 0 < max(most) <= 2 * 64 * 48


def test_idle_engine_holds_no_pixels():
    engine = Engine(FakePipeline, EngineLimits(max_pixels_held=10**8))

    async def steps():
        await asyncio.gather(*(engine.classify(encode(gradient(seed=i))) for i in range(4)))
        await all_free(engine.admission.pixels)

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
        await until_they_wait(engine.admission.pixels)
        stopping = asyncio.create_task(engine.stop())
        for task in others:
            with pytest.raises(NotReady):
                await task
        pipeline.open.set()
        assert EMOTION in (await running)[0]
        await stopping

    asyncio.run(run())


def test_a_turn_that_comes_as_the_server_stops_is_given_back():
    """The turn is granted, and before its task runs on the decoder stops."""
    admission = Admission(pictures=8, at_once=8, decoders=1, pixels=10**6)
    decoder = Decoder(10**6, admission)

    async def steps():
        first = await admission.decoders.wait("a")
        waiting = asyncio.create_task(decoder.decode(encode(gradient(64, 48)), later(), client="b"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.release()
        decoder.stop()
        with pytest.raises(NotReady):
            await waiting
        assert (admission.decoders.held, admission.pixels.held) == (0, 0)

    asyncio.run(steps())
