"""Requests that are sent ahead are begun by turns, as those that come one by one."""

import asyncio
from collections import Counter

from tests.transport.support import finish, listening

CONNECTIONS, AHEAD = 10, 8
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_one_request_of_a_client_is_begun_in_a_turn_of_the_loop():
    async def run():
        loop, turn, begun = asyncio.get_running_loop(), 0, Counter()

        def count_turns():
            nonlocal turn
            turn += 1
            if begun.total() < CONNECTIONS * AHEAD:
                loop.call_soon(count_turns)

        async def app(_scope, _receive, send):
            begun[turn] += 1
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        async with listening(app) as address:
            connections = [await asyncio.open_connection(*address) for _ in range(CONNECTIONS)]
            count_turns()
            for _, writer in connections:
                writer.write(REQUEST * AHEAD)
            for reader, writer in connections:
                for _ in range(AHEAD):
                    assert (await asyncio.wait_for(reader.readuntil(b"ok"), 30)).startswith(b"HTTP/1.1 200")
                await finish(writer)
        assert max(begun.values()) <= 2  # a slice may be parsed in the turn in which one that waited is begun

    asyncio.run(run())
