"""Turns of the event loop go by client."""

import asyncio
import time
from functools import partial

from app.serving.turns import PAUSE_S, PIECES, WORK_S, Turns

CONNECTIONS = 40


def test_many_connections_of_one_client_cost_another_client_one_piece_of_work():
    async def run():
        turns, done = Turns(), []
        for number in range(CONNECTIONS):
            turns.take("many", partial(done.append, number))
        assert done == [0]
        turns.take("one", partial(done.append, "one"))
        assert done == [0, "one"]
        while len(done) <= CONNECTIONS:  # noqa: ASYNC110 - until all have had their turn
            await asyncio.sleep(0)
        assert done == [0, "one", *range(1, CONNECTIONS)]

    asyncio.run(run())


def test_each_turn_of_the_loop_does_one_piece_of_each_client():
    async def run():
        turns, done = Turns(), []
        for client in "ab":
            for _ in range(3):
                turns.take(client, partial(done.append, client))
        await asyncio.sleep(0)  # the first turn ends
        for so_far in (2, 4, 6):
            assert sorted(done) == sorted("ab" * (so_far // 2))
            await asyncio.sleep(0)

    asyncio.run(run())


def test_of_many_clients_some_are_served_in_a_turn_of_the_loop_and_all_come_round():
    async def run():
        turns, done = Turns(), []
        clients = [str(number) for number in range(5 * PIECES)]
        for client in clients * 2:
            turns.take(client, partial(done.append, client))
        for so_far in range(1, 11):
            assert len(done) == so_far * PIECES
            await asyncio.sleep(0)
            if so_far == 1:  # the first turn ends
                await asyncio.sleep(0)
        assert done == clients * 2

    asyncio.run(run())


def test_one_in_a_turn_need_not_wait_behind_many_clients():
    async def run():
        turns, done = Turns(), []
        for number in range(3 * PIECES):
            turns.take(str(number), partial(done.append, number))
        for _ in range(2):
            turns.take("prober", partial(done.append, "prober"), hurry=True)
        turns.take("another", partial(done.append, "another"), hurry=True)
        assert done == [*range(PIECES), "prober"]
        await asyncio.sleep(0)
        turns.take("a third", partial(done.append, "a third"), hurry=True)
        assert done[PIECES:] == ["prober", "a third"]
        while len(done) < 3 * PIECES + 4:  # noqa: ASYNC110 - until all have had their turn
            await asyncio.sleep(0)

    asyncio.run(run())


def took_s(busy, pieces, work):
    """How long that many pieces of one client's work take."""

    async def run():
        turns, done = Turns(lambda: busy), []
        began_s = asyncio.get_running_loop().time()
        for _ in range(pieces):
            turns.take("a", lambda: done.append(work()))
        while len(done) < pieces:  # noqa: ASYNC110 - until all have had their turn
            await asyncio.sleep(PAUSE_S if busy else 0)
        return asyncio.get_running_loop().time() - began_s

    return asyncio.run(run())


def test_while_the_networks_work_turns_leave_them_half_of_the_time():
    work = partial(time.sleep, WORK_S)
    assert took_s(True, 10, work) >= 10 * WORK_S + 9 * PAUSE_S * 0.9  # the clock of the loop is coarse


def test_a_body_of_thousands_of_chunks_does_not_wait_for_each():
    assert took_s(True, 3000, lambda: None) < 3000 * PAUSE_S / 4


def test_work_that_fails_takes_no_turn_from_others():
    async def run():
        failures, done, turns = [], [], Turns()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: failures.append(told["exception"]))
        turns.take("a", lambda: None)
        turns.take("a", partial(int, "no number"))
        turns.take("a", partial(done.append, "a"))
        while not done:  # noqa: ASYNC110 - until the last one has had its turn
            await asyncio.sleep(0)
        assert [type(each) for each in failures] == [ValueError]

    asyncio.run(run())


def test_who_is_cancelled_while_waiting_is_passed_over():
    async def run():
        turns = Turns()
        await turns.wait("a")
        waiting = [asyncio.create_task(turns.wait("a")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 10)
        assert waiting[1].cancelled()

    asyncio.run(run())
