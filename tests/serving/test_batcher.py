import asyncio
import gc
import math
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import InferenceFailed, NotReady, Overloaded
from app.serving.batcher import MicroBatcher


class Gate:
    """A function for the batcher that waits at a gate, so that tests decide what runs when."""

    def __init__(self):
        self.entered, self.open = threading.Semaphore(0), threading.Semaphore(0)
        self.batches, self.running, self.most_running = [], 0, 0

    def __call__(self, items):
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.batches.append(list(items))
        self.entered.release()
        self.open.acquire()
        self.running -= 1
        return [item * 10 for item in items]


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def batcher(gate):
    made = MicroBatcher(gate, max_batch_size=3, queue_size=4)
    yield made
    for _ in range(20):
        gate.open.release()
    made.close()


async def entered(gate):
    await asyncio.to_thread(gate.entered.acquire)


def test_lone_item_does_not_wait(gate, batcher):
    async def run():
        gate.open.release()
        assert await batcher.submit(1) == 10

    asyncio.run(run())
    assert gate.batches == [[1]]


def test_next_batch_gathers_in_order_while_one_runs(gate, batcher):
    async def run():
        first = asyncio.create_task(batcher.submit(0))
        await entered(gate)
        others = [asyncio.create_task(batcher.submit(i)) for i in range(1, 5)]
        await asyncio.sleep(0)
        for _ in range(3):
            gate.open.release()
        assert await asyncio.gather(first, *others) == [0, 10, 20, 30, 40]

    asyncio.run(run())
    assert gate.batches == [[0], [1, 2, 3], [4]]
    assert gate.most_running == 1


def test_full_queue_answers_at_once(gate, batcher):
    async def run():
        tasks = [asyncio.create_task(batcher.submit(0))]
        await entered(gate)
        tasks += [asyncio.create_task(batcher.submit(i)) for i in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as caught:
            await batcher.submit(99)
        assert caught.value.retry_after_s >= 1
        for _ in range(3):
            gate.open.release()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert [99] not in gate.batches


def test_cancelled_before_and_during_a_batch(gate, batcher):
    async def run():
        running = asyncio.create_task(batcher.submit(0))
        await entered(gate)
        waiting, survivor = asyncio.create_task(batcher.submit(1)), asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0)
        waiting.cancel()
        running.cancel()
        await asyncio.sleep(0)
        gate.open.release()
        gate.open.release()
        assert await survivor == 20

    asyncio.run(run())
    assert gate.batches == [[0], [2]]


def test_raising_function_fails_its_batch_only():
    def explode(items):
        if items[0] < 0:
            raise ValueError("secret detail")
        return items

    batcher = MicroBatcher(explode, max_batch_size=1)

    async def run():
        with pytest.raises(InferenceFailed) as caught:
            await batcher.submit(-1)
        assert "secret" not in str(caught.value)
        assert await batcher.submit(7) == 7

    asyncio.run(run())
    batcher.close()


class Item:
    """Something that a weak reference can point at."""


def test_an_item_that_fails_hangs_in_no_cycle():
    batcher, item = MicroBatcher(lambda items: [ValueError() for _ in items], max_batch_size=1), Item()
    kept = weakref.ref(item)

    async def run(item):
        with pytest.raises(ValueError):  # noqa: PT011 - that without words
            await batcher.submit(item)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run(item))
        del item
        assert batcher.close()
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("wrong", [lambda items: items[1:], lambda items: [*items, 0]])
def test_wrong_length_is_an_error(wrong):
    batcher = MicroBatcher(wrong, max_batch_size=4)

    async def run():
        with pytest.raises(InferenceFailed):
            await batcher.submit(1)

    asyncio.run(run())
    batcher.close()


def test_close_settles_everyone_and_joins(gate):
    batcher = MicroBatcher(gate, max_batch_size=1, queue_size=8)

    async def run():
        running = asyncio.create_task(batcher.submit(1))
        await entered(gate)
        waiting = [asyncio.create_task(batcher.submit(i)) for i in range(2, 5)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        for task in waiting:
            with pytest.raises(NotReady):
                await task
        gate.open.release()
        assert await running == 10
        await closing
        assert not batcher.alive
        with pytest.raises(NotReady):
            await batcher.submit(9)

    asyncio.run(run())


def test_incomplete_batch_waits_for_more_when_told_to():
    batches = []

    def record(items):
        batches.append(list(items))
        return items

    batcher = MicroBatcher(record, max_batch_size=2, max_batch_wait_ms=10_000)

    async def run():
        assert await asyncio.gather(batcher.submit(1), batcher.submit(2)) == [1, 2]

    asyncio.run(run())
    assert batches == [[1, 2]]
    batcher.close()


def test_answers_are_never_mixed_up_under_concurrency():
    batcher = MicroBatcher(lambda items: [item * 3 for item in items], max_batch_size=8, queue_size=4000)

    async def many(start):
        return await asyncio.gather(*(batcher.submit(i) for i in range(start, start + 500)))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda start: asyncio.run(many(start)), range(0, 2000, 500)))
    assert [value for part in answers for value in part] == [i * 3 for i in range(2000)]
    batcher.close()


def test_a_thousand_callers_who_leave_do_not_end_the_thread():
    entered, proceed = threading.Event(), threading.Event()

    def wait_once(items):
        entered.set()
        proceed.wait()
        return items

    batcher = MicroBatcher(wait_once, max_batch_size=1, queue_size=2000)

    async def run():
        first = asyncio.create_task(batcher.submit(-1))
        await asyncio.to_thread(entered.wait)
        leaving = [asyncio.create_task(batcher.submit(i)) for i in range(1500)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.sleep(0)
        proceed.set()
        assert await first == -1
        assert await batcher.submit(7) == 7

    asyncio.run(run())
    batcher.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_crashed_thread_answers_everyone_and_is_not_alive():
    class Crash(BaseException):
        pass

    entered, proceed = threading.Event(), threading.Event()

    def crash(items):
        entered.set()
        proceed.wait()
        raise Crash

    batcher = MicroBatcher(crash, max_batch_size=1)

    async def run():
        running = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(entered.wait)
        waiting = asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0)
        proceed.set()
        with pytest.raises(InferenceFailed):
            await running
        with pytest.raises(NotReady):
            await waiting
        batcher.close()
        assert not batcher.alive

    asyncio.run(run())


def batches_of(gate, asked, owed=(), part_s=math.inf):
    """Ask for items of clients, each with its weight and cost, while a first batch runs, and return all batches."""
    batcher = MicroBatcher(gate, max_batch_size=4, max_batch_weight=16, queue_size=20, part_s=part_s)

    async def run():
        running = asyncio.create_task(batcher.submit("first"))
        await entered(gate)
        for client, cost in owed:
            batcher.charge(client, cost)
        waiting = [asyncio.create_task(batcher.submit(client, client, *paid)) for client, *paid in asked]
        await asyncio.sleep(0)
        for _ in range(20):
            gate.open.release()
        await asyncio.gather(running, *waiting)

    asyncio.run(run())
    batcher.close()
    return gate.batches


def test_what_a_client_owes_is_taken_from_its_part_of_the_next_batches(gate):
    batches = batches_of(gate, [("owing", 1, 4)] * 2 + [("other", 1, 4)] * 4, owed=[("owing", 8)])
    assert batches == [["first"], ["other"] * 2, ["owing"] * 2 + ["other"] * 2]


def test_a_batch_is_shared_by_the_clients_that_wait(gate):
    """Whoever has much waiting gets a part of each batch, and who has heavy items saves up for them meanwhile."""
    batches = batches_of(gate, [("crowd", 16)] * 2 + [("one", 4)] * 3 + [("two", 4)])
    assert batches == [["first"], ["one", "two"], ["one", "one"], ["crowd"], ["crowd"]]


def test_while_several_ask_a_batch_grants_each_what_gets_done_in_a_short_time(gate):
    """Who has dear items has one in a while, and cheap ones of another go on, one in each batch."""
    batches = batches_of(gate, [("dear", 1, 5)] * 2 + [("cheap", 1, 1)] * 9, part_s=1e-9)
    assert batches == [["first"], *[["cheap"]] * 4, ["dear", "cheap"], *[["cheap"]] * 4, ["dear"]]


def test_a_heavy_item_has_its_turn_among_others_that_go_on_asking(gate):
    batches = batches_of(gate, [("crowd", 16)] + [("one", 4)] * 14)
    assert batches == [["first"], ["one"] * 2, ["crowd"], *[["one"] * 4] * 3]


def test_a_client_alone_has_the_whole_batch(gate):
    assert batches_of(gate, [("one", 4)] * 5) == [["first"], ["one"] * 4, ["one"]]
