"""HTTP connections with clients that stall, flood or send ahead."""

import asyncio
import contextlib
import socket

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.serving.turns import Turns
from app.transport.connections import Connections
from app.transport.http import MAX_AHEAD, ImpatientProtocol
from app.transport.proxies import Proxies
from tests.transport.support import (
    ANY_HOST,
    HEAD,
    IMPATIENT_S,
    PATIENT_S,
    all_that_comes,
    answer_at_once,
    answer_to,
    finish,
    listening,
    refuse,
)


def test_a_client_who_does_not_read_is_cut_off():
    async def run():
        given_up = asyncio.Event()

        async def app(_scope, _receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(100):
                await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
            given_up.set()

        async with listening(app, answer_timeout_s=IMPATIENT_S) as address:
            with socket.create_connection(address) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.wait_for(given_up.wait(), 30)

    asyncio.run(run())


class SlowTransport(asyncio.Transport):
    """A connection whose client takes so much that these numbers of bytes are left, look by look."""

    def __init__(self, left):
        super().__init__()
        self.left, self.looks, self.aborted = left, 0, asyncio.Event()

    def set_write_buffer_limits(self, high=None, low=None):
        self.limits = (high, low)

    def get_write_buffer_size(self):
        self.looks += 1
        return self.left[min(self.looks, len(self.left)) - 1]

    def abort(self):
        self.aborted.set()

    def close(self):
        pass


@pytest.mark.parametrize(
    ("left", "looks"),
    [([70_000], 2), ([200_000, 150_000, 100_000, 100_000], 4), ([200_000, 199_000], 2), ([40_000, 7_000, 6_999], 3)],
)
def test_only_a_client_who_takes_next_to_nothing_is_cut_off(left, looks):
    async def run():
        config = uvicorn.Config(refuse, ws="none", lifespan="off")
        config.load()
        protocol = ImpatientProtocol(
            config=config,
            server_state=ServerState(),
            app_state={},
            hosts=ANY_HOST,
            connections=Connections(9, 9, Proxies()),
            turns=Turns(),
            header_timeout_s=PATIENT_S,
            answer_timeout_s=0.01,
        )
        transport = SlowTransport(left)
        protocol.connection_made(transport)
        assert transport.limits == (0, None)  # or a rest below the usual 64 kB would never be watched
        protocol.pause_writing()
        await asyncio.wait_for(transport.aborted.wait(), 30)
        assert transport.looks == looks
        protocol.connection_lost(None)

    asyncio.run(run())


def test_probes_hurry_and_nothing_else_does():
    seen = []

    class Watched(Turns):
        def take(self, client, work, hurry=False):
            seen.append(hurry)
            super().take(client, work, hurry)

    async def hurries(address, head, body=b""):
        seen.clear()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        await asyncio.sleep(0.05)
        writer.write(body)
        await reader.readuntil(b"\r\n\r\n")
        await finish(writer)
        return any(seen)

    async def run():
        async with listening(answer_at_once, turns=Watched()) as address:
            assert await hurries(address, b"GET /livez")
            assert await hurries(address, b"HEAD /readyz")
            assert not await hurries(address, b"GET /livezs")
            assert not await hurries(address, b"POST /detect", b"GET /livez HTTP/1.1\r\n")

    asyncio.run(run())


def test_an_answer_larger_than_all_buffers_arrives_whole():
    async def run():
        async def app(_scope, _receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000000")]})
            for _ in range(20):
                await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
            await send({"type": "http.response.body"})

        async with listening(app, answer_timeout_s=PATIENT_S) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert len(await asyncio.wait_for(reader.readexactly(20_000_000), 30)) == 20_000_000
            await finish(writer)

    asyncio.run(run())


def test_a_body_that_dribbles_on_after_the_answer_does_not_keep_the_connection():
    async def run():
        async with listening(refuse, header_timeout_s=IMPATIENT_S) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(HEAD + b"half")
            assert b" 401 " in await reader.readuntil(b"\r\n\r\n")
            writer.write(b".")  # this alone would stop Uvicorn's own clock
            assert await asyncio.wait_for(reader.read(), 30) == b""
            await finish(writer)

    asyncio.run(run())


def test_a_body_that_arrives_after_the_answer_leaves_the_connection_for_the_next_request():
    async def run():
        async with listening(refuse) as address:
            reader, writer = await asyncio.open_connection(*address)
            for _ in range(3):
                writer.write(HEAD)
                assert b" 401 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                writer.write(bytes(1000))
            await finish(writer)

    asyncio.run(run())


def test_a_few_requests_ahead_are_answered_in_order():
    async def run():
        async with listening(answer_at_once) as address:
            reader, writer = await asyncio.open_connection(*address)
            for length in range(MAX_AHEAD):
                writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (length, b"a" * length))
            for length in range(MAX_AHEAD):
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                assert await reader.readexactly(len(str(length))) == b"%d" % length
            await finish(writer)

    asyncio.run(run())


@pytest.mark.parametrize(
    "flood",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * (MAX_AHEAD + 5),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["requests", "a body", "nonsense"],
)
def test_who_sends_too_much_ahead_gets_one_answer_and_is_not_listened_to(flood):
    async def run():
        began, go_on = asyncio.Event(), asyncio.Event()
        handled = []

        async def app(scope, receive, send):
            handled.append(scope["method"])
            await receive()
            began.set()
            while not go_on.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(receive(), 0.01)  # Uvicorn then reads on
            await refuse(scope, receive, send)

        async with listening(app) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.wait_for(began.wait(), 30)
            writer.write(flood)
            for _ in range(200):
                writer.write(bytes(1000))
                await asyncio.sleep(0)
            await asyncio.wait_for(writer.drain(), 30)
            await asyncio.sleep(0.2)
            go_on.set()
            answer = await all_that_comes(reader)
            await finish(writer)
        assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 401") == 1
        assert b"connection: close" in answer.lower()
        assert handled == ["GET"]

    asyncio.run(run())


def test_half_a_request_behind_a_slow_answer_is_waited_for():
    async def run():
        async def app(scope, receive, send):
            if scope["path"] == "/slow":
                await asyncio.sleep(5 * IMPATIENT_S)
            await answer_at_once(scope, receive, send)

        async with listening(app, header_timeout_s=IMPATIENT_S) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET / HTT")
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n0"), 30)
            writer.write(b"P/1.1\r\nHost: a\r\n\r\n")
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n0"), 30)
            await finish(writer)

    asyncio.run(run())


def test_the_request_in_work_is_told_when_its_client_leaves_whatever_was_sent_ahead():
    async def run():
        told = asyncio.get_running_loop().create_future()

        async def app(_scope, receive, _send):
            await receive()
            told.set_result((await receive())["type"])

        async with listening(app) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
            await asyncio.sleep(0.1)
            await finish(writer)
            assert await asyncio.wait_for(told, 30) == "http.disconnect"

    asyncio.run(run())


def test_a_broken_body_that_waits_for_100_continue_is_refused_once(capsys):
    sent = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    assert asyncio.run(answer_to(sent)).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in capsys.readouterr().err
