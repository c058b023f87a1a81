"""The protocol behind every connection, with clients that stop sending or reading."""

import asyncio
import contextlib
import socket

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from app.config import Settings
from app.errors import DeviceLost
from app.main import create_app
from app.server import ImpatientProtocol, make_server
from app.serving.engine import Engine, EngineLimits
from tests.browser.servers import ThreadServer
from tests.conftest import FakePipeline, encode, gradient

IMPATIENT_S = 0.2
PATIENT_S = 60.0
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"


@contextlib.asynccontextmanager
async def listening(app, header_timeout_s=PATIENT_S, answer_timeout_s=PATIENT_S):
    """Serve an ASGI application and yield its address."""
    config, state, loop = uvicorn.Config(app, ws="none", lifespan="off"), ServerState(), asyncio.get_running_loop()
    config.load()

    def protocol():
        return ImpatientProtocol(
            config=config, server_state=state, app_state={},
            header_timeout_s=header_timeout_s, answer_timeout_s=answer_timeout_s,
        )  # fmt: skip

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


async def finish(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def refuse(_scope, _receive, send):
    """Answer without a look at the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


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
            config=config, server_state=ServerState(), app_state={}, header_timeout_s=PATIENT_S, answer_timeout_s=0.01
        )
        transport = SlowTransport(left)
        protocol.connection_made(transport)
        assert transport.limits == (0, None)  # or a rest below the usual 64 kB would never be watched
        protocol.pause_writing()
        await asyncio.wait_for(transport.aborted.wait(), 30)
        assert transport.looks == looks
        protocol.connection_lost(None)

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


def test_a_server_whose_engine_is_dead_stops_and_says_that_it_failed(caplog):
    class Lost(FakePipeline):
        def detect(self, images, options):
            if images:
                raise DeviceLost("gone")
            return super().detect(images, options)

    with ThreadServer(Lost) as running:
        answer = httpx.post(f"{running.address}/detect", content=encode(gradient()), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "device_lost")
        running.thread.join(timeout=30)
        assert not running.thread.is_alive()
    assert running.server.failed
    assert "the networks are dead" in caplog.text


def test_a_server_that_was_asked_to_stop_has_not_failed():
    settings, engine = Settings(), Engine(FakePipeline, EngineLimits())
    assert make_server(settings, create_app(settings, engine), engine).failed  # it has not started
    with ThreadServer() as running:
        pass
    assert not running.server.failed
