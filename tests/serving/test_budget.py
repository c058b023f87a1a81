"""A budget between the event loop, threads and finalizers."""

import asyncio
import gc
import threading

import numpy as np
import pytest

from app.errors import NotReady, Overloaded
from app.serving.budget import Budget


class Thing:
    """Something that a weak reference can point at."""


def is_empty(budget):
    budget.take("another", 0)  # has everything booked that a thread was about to book
    return (budget.held, budget.waiting, budget.clients) == (0, 0, 0)


async def turns_of_the_loop(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_whoever_waits_is_woken_when_there_is_room():
    budget = Budget(10, "full")

    async def run():
        first = budget.take("a", 8)
        waiting = asyncio.create_task(budget.wait("b", 5))
        await turns_of_the_loop()
        assert (waiting.done(), budget.waiting) == (False, 5)
        await asyncio.to_thread(first.release)
        with await waiting:
            assert budget.held == 5
        assert is_empty(budget)

    asyncio.run(run())


def test_there_is_no_wait_where_there_is_room():
    budget = Budget(10, "full")

    async def run():
        waiting = budget.wait("a", 10)
        with pytest.raises(StopIteration) as returned:
            waiting.send(None)
        returned.value.value.release()

    asyncio.run(run())


def test_full_is_told_at_once_or_at_the_end_of_the_wait():
    budget = Budget(10, "full")

    async def run():
        with budget.take("a", 10):
            with pytest.raises(Overloaded, match="full"):
                budget.take("b")
            with pytest.raises(Overloaded, match="full"):
                await budget.wait("b", 1, until=asyncio.get_running_loop().time())
        assert is_empty(budget)

    asyncio.run(run())


def test_closing_turns_away_who_waits_and_who_comes():
    budget = Budget(10, "full")

    async def run():
        held = budget.take("a", 10)
        waiting = asyncio.create_task(budget.wait("b"))
        await turns_of_the_loop()
        budget.close()
        budget.close()
        with pytest.raises(NotReady):
            await waiting
        for ask in (budget.take, budget.wait):
            with pytest.raises(NotReady):
                await ask("c")
        held.release()
        assert (budget.held, budget.waiting, budget.clients) == (0, 0, 0)

    asyncio.run(run())


@pytest.mark.parametrize("when", ["before its turn", "as its turn comes"])
def test_who_stops_waiting_leaves_nothing_behind(when):
    budget = Budget(10, "full")

    async def run():
        held = budget.take("a", 10)
        leaving = asyncio.create_task(budget.wait("b", 10))
        next_one = asyncio.create_task(budget.wait("c", 10))
        await turns_of_the_loop()
        if when == "as its turn comes":
            held.release()  # granted now; the loop has yet to tell the task
            assert budget.held == 10
        leaving.cancel()
        await asyncio.wait({leaving})
        held.release()
        (await next_one).release()
        assert leaving.cancelled()
        assert is_empty(budget)

    asyncio.run(run())


def test_nothing_more_may_always_be_added():
    budget = Budget(10, "full")
    with budget.take("a", 9) as held, budget.take("b", 1):
        held.add(0)
        with pytest.raises(Overloaded):
            held.add(1)
    assert is_empty(budget)


def test_a_hold_is_given_back_once_on_every_way_out():
    budget = Budget(10, "full")

    def fail():
        with budget.take("a", 4) as held:
            holds.append(held)
            held.add(3)
            assert budget.held == 7
            raise ZeroDivisionError

    holds = []
    with pytest.raises(ZeroDivisionError):
        fail()
    holds[0].release()
    assert is_empty(budget)


def test_things_count_for_as_long_as_they_live():
    budget, thing, other = Budget(10, "full"), Thing(), Thing()
    with budget.take("a", 5) as held:
        held.count_while_alive(thing, 2)
        held.count_while_alive(other, 4)
        assert budget.held == 5
    assert budget.held == 6  # more than was taken: counted all the same
    thing.itself = thing
    del thing, other
    gc.collect()
    assert is_empty(budget)


def test_a_finalizer_may_run_in_the_middle_of_anything():
    """As the garbage collector does, on the thread that has the books."""
    budget = Budget(10, "full")
    held = budget.take("a", 10)
    with budget._books():
        held.release()
        assert budget.held == 10
    assert is_empty(budget)


def test_a_thousand_operations_in_each_of_four_threads():
    budget = Budget(100, "full")

    def work(seed):
        chance, holds = np.random.default_rng(seed), []
        for _ in range(1000):
            if holds and chance.random() < 0.5:
                holds.pop(chance.integers(len(holds))).release(chance.random())
            else:
                try:
                    holds.append(budget.take(f"client {chance.integers(6)}", int(chance.integers(1, 20))))
                except Overloaded:
                    continue
        for hold in holds:
            hold.release()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_empty(budget)


def test_a_thousand_waits_of_which_some_are_broken_off():
    budget, chance, granted = Budget(100, "full"), np.random.default_rng(1), []

    async def work(number):
        with await budget.wait(f"client {number % 7}", int(chance.integers(1, 60))):
            granted.append(number)
            assert budget.held <= 100
            await turns_of_the_loop(chance.integers(4))

    async def run():
        tasks = [asyncio.create_task(work(number)) for number in range(1000)]
        for number in chance.permutation(1000)[:200]:
            await turns_of_the_loop(chance.integers(4))
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(granted) >= 800
        assert is_empty(budget)

    asyncio.run(run())
