"""How fast a client may open streams."""

import asyncio
import contextlib
import time
from types import SimpleNamespace

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from app.transport.buckets import LeakyBuckets
from app.transport.connections import Connections
from app.transport.openings import LEAST_AT_ONCE, LONGEST_S, OPENINGS_PER_S, at_a_pace, openings_of
from app.transport.proxies import Proxies
from tests.support.thread_server import ThreadServer
from tests.support.virtual_time import run
from tests.transport.support import UPGRADE, connected

PROXY, FLOOD, MODEST = "10.0.0.9", "10.0.0.1", "10.0.0.2"
AT_ONCE, SLACK_S = 60, 0.05


class Opened:
    """Streams that were asked for, and when each was answered."""

    def __init__(self):
        loop = asyncio.get_running_loop()
        self.connections = Connections(10_000, 10_000, Proxies(PROXY))
        self.openings = LeakyBuckets(OPENINGS_PER_S, AT_ONCE, loop.time)
        self.began, self.at_s, self.tasks = loop.time(), [], []

    def ask(self, address, is_closing=False):
        async def answer(_scope, _receive, _send):
            self.at_s.append(asyncio.get_running_loop().time() - self.began)

        transport = SimpleNamespace(is_closing=lambda: is_closing)
        protocol = SimpleNamespace(transport=transport, client=(address, 1))
        app = at_a_pace(answer, protocol, self.connections, self.openings)
        self.tasks.append(asyncio.create_task(app({}, None, None)))

    async def all(self):
        return await asyncio.gather(*self.tasks, return_exceptions=True)


def test_as_many_as_a_client_may_have_are_opened_at_once_and_the_others_one_by_one():
    async def steps():
        opened = Opened()
        for _ in range(AT_ONCE + 30):
            opened.ask(FLOOD)
        await opened.all()
        assert opened.at_s[AT_ONCE - 1] < SLACK_S
        assert opened.at_s[AT_ONCE:] == pytest.approx([(each + 1) / OPENINGS_PER_S for each in range(30)], abs=SLACK_S)

    run(steps())


@pytest.mark.parametrize("other", [MODEST, PROXY])
def test_others_and_proxies_do_not_wait(other):
    async def steps():
        opened = Opened()
        for _ in range(AT_ONCE + 30):
            opened.ask(other if other == PROXY else FLOOD)
        if other == MODEST:
            await asyncio.sleep(1)
            opened.began += 1
            opened.at_s.clear()
            opened.ask(MODEST)
            await asyncio.sleep(SLACK_S)
            assert opened.at_s[0] < SLACK_S
        await opened.all()
        if other == PROXY:
            assert max(opened.at_s) < SLACK_S

    run(steps())


def test_who_leaves_while_it_waits_is_not_answered():
    async def steps():
        opened = Opened()
        for _ in range(AT_ONCE):
            opened.ask(FLOOD)
        opened.ask(FLOOD, is_closing=True)
        *_, last = await opened.all()
        assert isinstance(last, ClientDisconnected)
        assert len(opened.at_s) == AT_ONCE

    run(steps())


def test_nobody_waits_for_longer_than_a_minute_whatever_came_before():
    async def steps():
        opened = Opened()
        for _ in range(AT_ONCE + round(2 * LONGEST_S * OPENINGS_PER_S)):
            opened.ask(FLOOD)
        await opened.all()
        assert max(opened.at_s) == pytest.approx(LONGEST_S, abs=SLACK_S)
        opened.began = asyncio.get_running_loop().time()
        opened.at_s.clear()
        opened.ask(FLOOD)
        await opened.all()
        assert opened.at_s[0] < 2 / OPENINGS_PER_S

    run(steps())


def test_at_least_some_are_opened_at_once_where_a_client_may_have_few():
    openings = openings_of(max_sessions=1)
    assert sum(openings.admits("a") for _ in range(2 * LEAST_AT_ONCE)) in (LEAST_AT_ONCE - 1, LEAST_AT_ONCE)


def test_a_server_opens_streams_at_this_pace():
    more = 3
    with ThreadServer(stream_max_sessions=1) as server, contextlib.ExitStack() as streams:
        began = time.monotonic()
        for _ in range(LEAST_AT_ONCE + more):
            stream = streams.enter_context(connected(server, UPGRADE + b"\r\n"))
            assert stream.recv(12) == b"HTTP/1.1 101"
        assert time.monotonic() - began >= (more - 1) / OPENINGS_PER_S
