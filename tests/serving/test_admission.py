"""The budgets of a process, and what the engine does with them."""

import asyncio
import gc

import pytest

from app.errors import BadPayload, DeadlineExceeded, Overloaded
from app.faces.types import DetectOptions
from app.serving.admission import Admission
from app.serving.engine import Engine, EngineLimits
from tests.serving.test_budget import is_empty, turns_of_the_loop
from tests.serving.test_engine import run_with
from tests.support.pictures import encode, gradient
from tests.support.pipeline import digest_probabilities, emotion
from tests.support.stuck_pipeline import Stuck


def test_budgets_of_a_process():
    admission = Admission(pictures=64, at_once=34, decoders=2, pixels=300)
    admission.bound_network(requests=512, body_bytes=1000, sessions=60)
    capacity = {name: budget.capacity for name, budget in admission.budgets.items()}
    assert capacity == {
        "requests": 585, "reading": 585, "body_bytes": 1000, "sessions": 68, "pictures": 38, "decoders": 2,
        "long_work": 1, "pixels": 300,
    }  # fmt: skip


def test_a_flood_of_pictures_waits_and_another_client_passes():
    """One client has all the places; the pictures of another get theirs before most of the flood."""
    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits(queue_size=16, max_batch_size=2))
    answered = []

    async def ask(client, seed):
        answers, _ = await engine.classify(encode(gradient(seed=seed)), client=client)
        assert answers == emotion(digest_probabilities(gradient(seed=seed)))
        answered.append(client)

    async def steps():
        flood = [asyncio.create_task(ask("flood", seed)) for seed in range(16)]
        await asyncio.to_thread(pipeline.entered.wait)
        with pytest.raises(Overloaded):
            await engine.classify(encode(gradient()), client="flood")
        others = [asyncio.create_task(ask("modest", seed)) for seed in range(4)]
        await turns_of_the_loop()
        assert engine.admission.pictures_in_work == 20
        pipeline.open.set()
        await asyncio.gather(*flood, *others)
        assert answered.index("modest") < 12  # 16 if turns went by arrival
        pixels = engine.admission.pixels
        (await pixels.wait("another", pixels.capacity)).release()  # once the networks have let go of the last picture
        assert all(is_empty(budget) for budget in engine.admission.budgets.values())

    run_with(engine, steps)


@pytest.mark.parametrize("way", ["answered", "bad payload", "deadline", "cancelled", "networks fail"])
def test_everything_is_given_back_however_a_picture_ends(way, caplog):
    class Failing(Stuck):
        def classify(self, images, boxes, asked):
            super().classify(images, boxes, asked)
            raise RuntimeError("no good")

    caplog.set_level("CRITICAL", "app.serving.batcher")  # pytest keeps what is logged, and so pictures in tracebacks
    pipeline = Failing() if way == "networks fail" else Stuck()
    engine = Engine(lambda: pipeline, EngineLimits())

    async def steps():
        payload = encode(gradient())[: 60 if way == "bad payload" else None]
        deadline = asyncio.get_running_loop().time() + 0.05 if way == "deadline" else None
        asking = asyncio.create_task(engine.classify(payload, deadline, client="a"))
        if way == "bad payload":
            with pytest.raises(BadPayload):
                await asking
        else:
            await asyncio.to_thread(pipeline.entered.wait)
            if way == "cancelled":
                asking.cancel()
            if way in ("answered", "networks fail"):
                pipeline.open.set()
            [outcome] = await asyncio.gather(asking, return_exceptions=True)
            assert isinstance(outcome, tuple) == (way == "answered")
            assert isinstance(outcome, DeadlineExceeded) == (way == "deadline")
            del outcome
        pipeline.open.set()
        del asking
        await engine.detect(encode(gradient()), DetectOptions())  # after which the networks hold no earlier picture
        gc.collect()
        budgets = engine.admission.budgets
        (await budgets["pixels"].wait("another", budgets["pixels"].capacity)).release()
        assert all(is_empty(budget) for budget in budgets.values())

    run_with(engine, steps)


def test_slow_pictures_of_one_client_do_not_keep_the_decoders_from_another():
    """One thread: after the first picture of the slow client all of the quick one come before its second."""
    admission = Admission(pictures=64, at_once=64, decoders=1, pixels=1000)
    order = []

    async def decode(client, cost):
        thread = await admission.decoders.wait(client)
        order.append(client)
        await turns_of_the_loop(2)
        thread.release(cost)

    async def run():
        slow = [asyncio.create_task(decode("slow", 2000.0)) for _ in range(3)]
        await turns_of_the_loop(1)
        quick = [asyncio.create_task(decode("quick", 10.0)) for _ in range(8)]
        await asyncio.gather(*slow, *quick)
        assert order == ["slow", *["quick"] * 8, "slow", "slow"]

    asyncio.run(run())
