"""Bodies that come slowly: how slow is too slow, and who loses its place when there is none left."""

import asyncio
import contextlib

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.api.guards.needs import RouteTable
from app.api.guards.reception import LEAST_BYTES_PER_S, YIELDS_AFTER_S
from app.api.guards.slow_clients import MOST, SLOW_FOR_S, WAIT_S, SlowClients
from app.api.guards.uploads import LOOKED_AT, UploadsMiddleware
from app.api.wire.problems import ProblemMiddleware
from app.serving.admission import Admission
from tests.api.asgi import http_scope
from tests.support.virtual_time import run

TIMEOUT_S = 30.0
PLACES = 8


async def read_and_answer(scope, receive, send):
    body = await Request(scope, receive).body()
    await Response(str(len(body)))(scope, receive, send)


def served(places=PLACES, timeout_s=TIMEOUT_S):
    admission = Admission(pictures=1, at_once=1, decoders=1, pixels=1)
    admission.bound_network(requests=places)
    uploads = UploadsMiddleware(read_and_answer, admission=admission, timeout_s=timeout_s, routes=RouteTable([]))
    return ProblemMiddleware(uploads), admission.requests


class Sender:
    """A client that sends so many bytes every so often."""

    def __init__(self, address, part_bytes, every_s, parts):
        self.scope = http_scope(headers=(("content-length", "1"),), client=address)
        self.part_bytes, self.every_s, self.parts = part_bytes, every_s, parts
        self.sent = []

    async def receive(self):
        await asyncio.sleep(self.every_s)
        self.parts -= 1
        return {"type": "http.request", "body": bytes(self.part_bytes), "more_body": self.parts > 0}

    async def send(self, message):
        self.sent.append(message)

    async def ask(self, app):
        began = asyncio.get_running_loop().time()
        await app(self.scope, self.receive, self.send)
        self.took_s = asyncio.get_running_loop().time() - began
        return self.sent[0]["status"]

    @property
    def text(self):
        return b"".join(message.get("body", b"") for message in self.sent).decode()


@contextlib.asynccontextmanager
async def asking(app, senders, for_s=YIELDS_AFTER_S + 1):
    """Have all ask, for a while until their tasks are handed out; those that still ask in the end leave."""
    tasks = [asyncio.create_task(each.ask(app)) for each in senders]
    await asyncio.sleep(for_s)
    try:
        yield tasks
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("part_bytes", "every_s", "parts", "status", "took_s"),
    [
        (1, 1.0, 1000, 408, TIMEOUT_S / 3),
        (LEAST_BYTES_PER_S // 2, 1.0, 1000, 408, 2 * TIMEOUT_S / 3),
        (2 * LEAST_BYTES_PER_S, 1.0, 1000, 408, TIMEOUT_S),
        (2 * LEAST_BYTES_PER_S, 1.0, 25, 200, 25.0),
        (10_000, TIMEOUT_S / 3 - 1, 2, 200, 2 * (TIMEOUT_S / 3 - 1)),
        (10_000_000, TIMEOUT_S / 3 + 1, 2, 408, TIMEOUT_S / 3),
    ],
    ids=["trickles", "too slow", "too long", "slow enough", "stalls for a while", "stalls"],
)
def test_a_body_must_come_at_the_least_rate(part_bytes, every_s, parts, status, took_s):
    async def steps():
        app, requests = served()
        sender = Sender("10.0.0.1", part_bytes, every_s, parts)
        assert await sender.ask(app) == status
        assert sender.took_s == pytest.approx(took_s, abs=1.5)
        assert requests.held == 0

    run(steps())


def test_a_stall_after_much_that_came_fast_is_a_stall():
    async def steps():
        app, _ = served()
        sender = Sender("10.0.0.1", 1_000_000, 0.1, 20)

        async def receive_and_stall():
            sender.every_s = 0.1 if sender.parts > 10 else 1000
            return await Sender.receive(sender)

        sender.receive = receive_and_stall
        assert await sender.ask(app) == 408
        assert "at least 1,000 bytes a second" in sender.text
        assert sender.took_s == pytest.approx(1 + TIMEOUT_S / 3, abs=0.5)

    run(steps())


def test_the_slowest_body_makes_room_for_a_client_that_has_no_place():
    async def steps():
        app, requests = served()
        slow = [Sender(f"10.0.0.{number}", 2_000 + number, 1.0, 1000) for number in range(requests.capacity)]
        async with asking(app, slow) as tasks:
            assert requests.held == requests.capacity
            other = Sender("10.0.1.1", 100, 0.0, 1)
            assert await other.ask(app) == 200
            assert await tasks[0] == 408
            assert "all places for requests are taken" in slow[0].text
            assert requests.held == requests.capacity - 1  # the others were left alone

    run(steps())


@pytest.mark.parametrize(("after_s", "status", "took_s"), [(0.0, 503, WAIT_S), (SLOW_FOR_S, 200, 0.0)])
def test_for_a_client_whose_own_body_had_to_nobody_makes_room_for_a_while(after_s, status, took_s):
    async def steps():
        app, requests = served(timeout_s=10 * SLOW_FOR_S)
        slow = [Sender(f"10.0.0.{number}", 2_000 + number, 1.0, 1000) for number in range(requests.capacity)]
        async with asking(app, slow) as tasks:
            tasks.append(asyncio.create_task(Sender("10.0.1.1", 10_000, 0.5, 1000).ask(app)))
            assert await tasks[0] == 408
            await asyncio.sleep(after_s)
            assert requests.held == requests.capacity
            again = Sender("10.0.0.0", 100, 0.0, 1)
            assert await again.ask(app) == status
            assert again.took_s == pytest.approx(took_s, abs=0.1)

    run(steps())


def test_whose_body_had_to_make_room_gets_a_place_that_is_free_after_the_wait_but_waits_once_at_a_time():
    async def steps():
        app, requests = served()
        slow = [Sender(f"10.0.0.{number}", 2_000 + number, 1.0, 1000) for number in range(requests.capacity)]
        async with asking(app, slow) as tasks:
            assert await Sender("10.0.1.1", 100, 0.0, 1).ask(app) == 200
            assert await tasks[0] == 408
            tasks.append(asyncio.create_task(Sender("10.0.2.1", 10_000, 1.0, 1000).ask(app)))
            await asyncio.sleep(0)
            first, second = Sender("10.0.0.0", 100, 0.0, 1), Sender("10.0.0.0", 100, 0.0, 1)
            waiting = asyncio.create_task(first.ask(app))
            await asyncio.sleep(0.1)
            assert await second.ask(app) == 503
            assert second.took_s == 0
        assert await waiting == 200
        assert first.took_s == pytest.approx(WAIT_S)

    run(steps())


def test_as_many_slow_clients_are_remembered_as_is_said():
    async def steps():
        slow = SlowClients()
        for number in range(MOST + 5):
            slow.add(str(number))
        assert [str(number) in slow for number in (0, 4, 5, MOST + 4)] == [False, False, True, True]
        await asyncio.sleep(SLOW_FOR_S)
        assert str(MOST) not in slow

    run(steps())


def test_where_many_bodies_come_slowly_each_may_have_to_make_room():
    """A client that keeps some old ones fast does not shelter its others."""

    async def steps():
        app, requests = served(places=4 * LOOKED_AT)
        fast = [Sender(f"10.0.0.{number}", 50_000, 0.5, 1000) for number in range(LOOKED_AT)]
        slow = [Sender(f"10.0.1.{number}", 1_100, 1.0, 1000) for number in range(requests.capacity - LOOKED_AT)]
        async with asking(app, [*fast, *slow]) as tasks:
            for number in range(20):
                assert await Sender(f"10.0.2.{number}", 100, 0.0, 1).ask(app) == 200
                tasks.append(asyncio.create_task(Sender(f"10.0.3.{number}", 50_000, 0.5, 1000).ask(app)))
                await asyncio.sleep(0)
            assert not any(each.done() for each in tasks[:LOOKED_AT])

    run(steps())


def test_the_one_body_that_comes_slowly_makes_room_where_many_are_complete():
    async def steps():
        app, requests = served(places=8 * LOOKED_AT)
        answered = asyncio.Event()

        async def wait_long(scope, receive, send):
            await Request(scope, receive).body()
            await answered.wait()

        app.app.app = wait_long
        others = [Sender(f"10.0.0.{number}", 100, 0.0, 1) for number in range(requests.capacity - 1)]
        slow = Sender("10.0.1.1", 1_500, 1.0, 1000)
        async with asking(app, [slow, *others]) as tasks:
            assert requests.held == requests.capacity
            tasks.append(asyncio.create_task(Sender("10.0.2.1", 100, 0.0, 1).ask(app)))
            assert await tasks[0] == 408

    run(steps())


def test_several_at_once_each_take_the_place_of_another_body():
    async def steps():
        app, requests = served()
        slow = [Sender(f"10.0.0.{number}", 1_500, 1.0, 1000) for number in range(requests.capacity)]
        async with asking(app, slow) as tasks:
            others = [Sender(f"10.0.1.{number}", 100, 0.5, 2) for number in range(3)]
            assert await asyncio.gather(*(each.ask(app) for each in others)) == [200] * 3
            assert sum(each.done() for each in tasks) == 3

    run(steps())


@pytest.mark.parametrize(("waited_s", "has_a_place"), [(YIELDS_AFTER_S / 2, False), (YIELDS_AFTER_S + 1, True)])
def test_nobody_makes_room_who_began_just_now_or_for_whoever_has_a_place(waited_s, has_a_place):
    async def steps():
        app, requests = served()
        addresses = [f"10.0.0.{number}" for number in range(requests.capacity)]
        slow = [Sender(each, 2_000, 1.0, 1000) for each in addresses]
        async with asking(app, slow, waited_s) as tasks:
            other = Sender(addresses[0] if has_a_place else "10.0.1.1", 100, 0.0, 1)
            assert await other.ask(app) == 503
            assert not any(each.done() for each in tasks)

    run(steps())
