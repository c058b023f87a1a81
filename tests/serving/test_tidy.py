import asyncio
import threading

import pytest

from app.serving.budget import Budget
from app.serving.tidy import BUSY_S, QUIET_S, Tidier


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("waits", [True, False])
def test_memory_is_given_back_once_when_all_pictures_are_gone(waits: bool) -> None:
    budget, clock, given = Budget(100, "full"), Clock(), []
    tidier = Tidier(budget, lambda: given.append(clock.now), clock)

    async def scene() -> None:
        await tidier.look()
        assert not given  # nothing was decoded
        hold = budget.take("someone", 10)
        tidier.note()
        clock.now += QUIET_S if waits else QUIET_S / 2
        await tidier.look()
        assert not given  # a picture is still there
        hold.release()
        await tidier.look()
        await tidier.look()

    asyncio.run(scene())
    assert len(given) == (1 if waits else 0)


def test_memory_is_given_back_from_time_to_time_while_pictures_never_cease() -> None:
    budget, clock, given = Budget(100, "full"), Clock(), []
    tidier = Tidier(budget, lambda: given.append(clock.now), clock)

    async def scene() -> None:
        with budget.take("someone", 10):
            for _ in range(int(4 * BUSY_S)):
                tidier.note()
                await tidier.look()
                clock.now += 1.0

    asyncio.run(scene())
    assert len(given) == 3


def test_memory_is_given_back_once_more_after_pictures_that_took_long() -> None:
    budget, clock, given = Budget(100, "full"), Clock(), []
    tidier = Tidier(budget, lambda: given.append(clock.now), clock)

    async def scene() -> None:
        with budget.take("someone", 10):
            tidier.note()
            clock.now += BUSY_S
            await tidier.look()
            assert len(given) == 1
        clock.now += QUIET_S
        await tidier.look()
        await tidier.look()

    asyncio.run(scene())
    assert len(given) == 2


def test_it_goes_on_in_the_loop_that_the_engine_is_started_in_last():
    """`mien serve` loads the networks in a loop of its own, before the server's."""
    budget, given = Budget(1, "full"), threading.Event()
    tidier = Tidier(budget, given.set, iter(range(0, 1000, 10)).__next__)

    async def first() -> None:
        tidier.start()

    async def second() -> None:
        tidier.start()
        tidier.start()
        tidier.note()
        assert await asyncio.to_thread(given.wait, 30)
        tidier.stop()

    asyncio.run(first())
    asyncio.run(second())


def test_it_looks_by_itself_and_stops() -> None:
    async def scene() -> None:
        loop, done, times = asyncio.get_running_loop(), asyncio.Event(), iter([0.0, 10.0])
        tidier = Tidier(Budget(1, "full"), lambda: loop.call_soon_threadsafe(done.set), lambda: next(times))
        tidier.note()
        tidier.start()
        await asyncio.wait_for(done.wait(), 30)
        tidier.stop()

    asyncio.run(scene())
