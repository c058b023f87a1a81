"""How a server listens."""

import asyncio
import contextlib
import socket

import uvloop

from app.transport.listen import ACCEPTED_A_TURN, listen_often
from tests.support.thread_server import ThreadServer

CONNECTIONS, BACKLOG = 200, 512


def turns_until_accepted(often):
    """Let clients connect while the event loop stands still; return in how many turns it then accepts them all."""

    async def run():
        loop, made = asyncio.get_running_loop(), []

        class Noted(asyncio.Protocol):
            def connection_made(self, transport):
                made.append(transport)

        servers = [await loop.create_server(Noted, "127.0.0.1", 0, backlog=BACKLOG)]
        [listener] = servers[0].sockets
        if often:
            servers += await listen_often(listener, Noted, BACKLOG)
        with contextlib.ExitStack() as clients:
            for _ in range(CONNECTIONS):
                clients.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
            turns = 0
            while len(made) < CONNECTIONS:
                await asyncio.sleep(0)
                turns += 1
        for each in servers:
            each.close()
        return turns

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def test_connections_that_come_at_once_are_accepted_in_few_turns():
    assert turns_until_accepted(often=True) <= 2 * CONNECTIONS // ACCEPTED_A_TURN
    assert turns_until_accepted(often=False) > 2 * CONNECTIONS // ACCEPTED_A_TURN  # else it is needless


def test_a_server_listens_so_and_closes_all():
    with ThreadServer() as running:
        assert len(running.server.servers) == ACCEPTED_A_TURN
        address = running.server.servers[0].sockets[0].getsockname()
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(address, timeout=30).close()
        raise AssertionError("somebody listens still")
