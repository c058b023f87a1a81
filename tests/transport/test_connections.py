"""The protocols behind every connection, with clients that stall, flood or send ahead."""

import asyncio
import contextlib
import json
import signal
import socket
import time

import httpx
import numpy as np
import pytest
import uvicorn
from uvicorn.server import ServerState

from app.transport.http import MAX_AHEAD, MAX_AHEAD_BYTES, MAX_HEADERS, ImpatientProtocol
from app.transport.websocket import MAX_FRAMES_PER_S, POLICY_VIOLATION
from tests.browser.servers import ThreadServer
from tests.conftest import encode

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


async def answer_at_once(_scope, receive, send):
    """Read the body and tell its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    text = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


async def all_that_comes(reader):
    """Read until the server closes."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 30)
    return b""


async def answer_to(sent):
    """Send raw bytes to a server and return what it answers until it closes."""
    async with listening(answer_at_once) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        answer = await all_that_comes(reader)
        await finish(writer)
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADERS + 2),
        b"GET / HTTP/1.1\r\n" + b"".join(b"Long: %s\r\n" % (b"a" * 9000) for _ in range(8)) + b"\r\n",
        b"GET / HTTP/1.1\r\nEndless: " + b"a" * 400_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + b"Trailer: b\r\n" * 200,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nEndless: " + b"a" * 400_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 400_000,
    ],
    ids=["line", "many", "long together", "one without end", "trailers", "trailer without end", "chunk extension"],
)
def test_headers_that_are_too_large_are_refused(head):
    answer, _, body = asyncio.run(answer_to(head)).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert b"application/problem+json" in answer
    assert json.loads(body)["code"] == "headers_too_large"


def test_what_is_not_http_is_a_problem_too():
    answer, _, body = asyncio.run(answer_to(b"nonsense\r\n\r\n")).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "bad_request"


def test_a_large_body_in_small_chunks_is_no_large_head():
    async def run():
        async with listening(answer_at_once) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await asyncio.wait_for(reader.readexactly(6), 30) == b"100000"
            await finish(writer)

    asyncio.run(run())


def test_a_few_requests_ahead_are_answered_in_order():
    async def run():
        async with listening(answer_at_once) as address:
            reader, writer = await asyncio.open_connection(*address)
            for length in range(MAX_AHEAD):
                writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (length, b"a" * length))
            for length in range(MAX_AHEAD):
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                assert await reader.readexactly(len(str(length))) == b"%d" % length
            await finish(writer)

    asyncio.run(run())


@pytest.mark.parametrize(
    "flood",
    [
        b"GET / HTTP/1.1\r\n\r\n" * (MAX_AHEAD + 5),
        b"POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n",
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
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
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


@pytest.mark.parametrize("parts", [1, 2], ids=["at once", "the body later"])
def test_an_offer_of_http_2_is_ignored_and_the_body_is_read(parts):
    """Java's default client and `curl --http2` make it."""
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\nUpgrade: h2c\r\n"
    sent = [head + b"Content-Length: 5\r\n\r\n", b"abcde"]

    async def run():
        async with listening(answer_at_once) as address:
            reader, writer = await asyncio.open_connection(*address)
            for _ in range(2):  # the connection is good for another one
                for part in [b"".join(sent)] if parts == 1 else sent:
                    writer.write(part)
                    await asyncio.sleep(0.05)
                assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                assert await reader.readexactly(1) == b"5"
            await finish(writer)

    asyncio.run(run())


def test_an_empty_line_after_an_answer_does_not_keep_the_connection():
    async def run():
        async with listening(answer_at_once, header_timeout_s=IMPATIENT_S) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n0")
            writer.write(b"\r\n")
            assert await all_that_comes(reader) == b""
            await finish(writer)

    asyncio.run(run())


def test_half_a_request_behind_a_slow_answer_is_waited_for():
    async def run():
        async def app(scope, receive, send):
            if scope["path"] == "/slow":
                await asyncio.sleep(5 * IMPATIENT_S)
            await answer_at_once(scope, receive, send)

        async with listening(app, header_timeout_s=IMPATIENT_S) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /slow HTTP/1.1\r\n\r\nGET / HTT")
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n0"), 30)
            writer.write(b"P/1.1\r\n\r\n")
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
            writer.write(b"GET / HTTP/1.1\r\n\r\n" * 3)
            await asyncio.sleep(0.1)
            await finish(writer)
            assert await asyncio.wait_for(told, 30) == "http.disconnect"

    asyncio.run(run())


def test_a_broken_body_that_waits_for_100_continue_is_refused_once(capsys):
    sent = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    assert asyncio.run(answer_to(sent)).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in capsys.readouterr().err


UPGRADE = (
    b"GET /detect/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
MASK = bytes(4)
PONG, PING = b"\x8a\x80" + MASK, b"\x89\xfd" + MASK + bytes(125)
OPENING, CONTINUATION = b"\x02\x80" + MASK, b"\x00\x80" + MASK


@pytest.fixture
def server():
    with ThreadServer() as running:
        yield running


@contextlib.contextmanager
def connected(server, sent):
    with socket.create_connection(server.server.servers[0].sockets[0].getsockname(), timeout=30) as connection:
        connection.sendall(sent)
        yield connection


def rest_of(connection):
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    ("first", "frame"), [(b"", PONG), (b"", PING), (OPENING, CONTINUATION)], ids=["pongs", "pings", "fragments"]
)
def test_a_flood_of_frames_ends_its_session_and_holds_up_nobody(server, first, frame):
    with connected(server, UPGRADE + b"\r\n") as connection:
        assert b" 101 " in connection.recv(65536)
        with contextlib.suppress(ConnectionError):
            connection.sendall(first + frame * 50_000)
        started = time.monotonic()
        assert httpx.get(f"{server.address}/livez", timeout=60).status_code == 200
        assert time.monotonic() - started < 5
        rest_of(connection)  # it ends; whoever goes on sending may see a reset instead of the reason


def test_one_frame_too_many_is_told_why(server):
    with connected(server, UPGRADE + b"\r\n") as connection:
        assert b" 101 " in connection.recv(65536)
        connection.sendall(PONG * (MAX_FRAMES_PER_S + 1))
        assert POLICY_VIOLATION.to_bytes(2, "big") + b"More than 1,000 frames in a second." in rest_of(connection)


def test_as_many_frames_as_are_allowed_are_heard(server):
    with connected(server, UPGRADE + b"\r\n") as connection:
        assert b" 101 " in connection.recv(65536)
        for _ in range(3):
            connection.sendall(PONG * (MAX_FRAMES_PER_S // 4))
        connection.sendall(b"\x81\x82" + MASK + b"{}")  # no message that it knows: it says so, and goes on
        answer = b""
        while b"session.error" not in answer:
            answer += connection.recv(65536)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (UPGRADE + b"Cookie: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (UPGRADE.replace(b"/detect/stream", b"/detect/stream?" + b"a" * 9000) + b"\r\n", 414),
        (UPGRADE.replace(b"GET", b"POST") + b"Content-Length: 3\r\n\r\nabc", 400),
    ],
    ids=["a long cookie", "a long line", "a body"],
)
def test_a_request_for_a_stream_that_the_library_refuses_is_answered_and_closed(server, request_, status):
    with connected(server, request_) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 %d " % status)


def test_a_refused_stream_does_not_disturb_the_stop(server):
    """A connection that is on its way out when the server is asked to stop: this must not end in an exception."""
    with connected(server, UPGRADE + b"Cookie: " + b"a" * 9000 + b"\r\n\r\n") as connection:
        server.stop()
        assert rest_of(connection).startswith(b"HTTP/1.1 431 ") or not server.thread.is_alive()
    server.start()


def test_a_stream_asked_for_behind_an_unread_answer_takes_no_place_for_ever():
    """The answer would wait for the stream's connection to become writable."""
    with ThreadServer(max_requests=2) as server:
        for _ in range(3):
            with connected(server, b"GET /web/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n" * 2) as one:
                time.sleep(0.2)
                one.sendall(UPGRADE + b"\r\n")
                time.sleep(0.2)
        patience = time.monotonic() + 20
        while httpx.get(f"{server.address}/models").status_code != 200:
            assert time.monotonic() < patience
            time.sleep(0.1)


def test_frames_before_the_answer_to_the_handshake_end_the_connection(server, caplog):
    with connected(server, UPGRADE + b"\r\n" + b"\xff" * 400_000) as connection:
        rest_of(connection)
    assert httpx.get(f"{server.address}/livez").status_code == 200
    assert "Fatal error" not in caplog.text


def test_what_comes_after_the_close_is_not_kept():
    with (
        ThreadServer(stream_max_sessions=1) as server,
        connected(server, UPGRADE + b"\r\n") as first,
        connected(server, UPGRADE + b"\r\n") as second,
    ):
        assert b" 101 " in first.recv(65536)
        received = b""
        while b"All streams are taken" not in received:
            received += second.recv(65536)
        second.sendall(b"\x82\xff" + (9_900_000).to_bytes(8, "big") + MASK + bytes(3_000_000))
        time.sleep(0.5)
        [refused] = [each for each in server.server.server_state.connections if getattr(each, "close_sent", False)]
        assert len(refused.conn.reader.buffer) <= MAX_AHEAD_BYTES


def test_a_client_that_has_closed_but_does_not_read_does_not_disturb_the_stop(caplog):
    with ThreadServer() as server:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(server.server.servers[0].sockets[0].getsockname())
        with connection:
            connection.sendall(UPGRADE + b"\r\n")
            time.sleep(0.2)
            update = b'{"type": "session.update", "annotate": true}'
            connection.sendall(bytes([0x81, 0x80 + len(update)]) + MASK + update)
            frame = encode(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8), "JPEG")
            state = server.server.server_state
            [session] = [each for each in state.connections if hasattr(each, "handshake_complete")]
            patience = time.monotonic() + 60
            while not session.transport.get_write_buffer_size():  # until the system takes no more of the answers
                assert time.monotonic() < patience
                connection.sendall(b"\x82\xff" + len(frame).to_bytes(8, "big") + MASK + frame)
                time.sleep(0.1)
            connection.sendall(b"\x88\x80" + MASK)
            while not session.transport.is_closing():
                assert time.monotonic() < patience
                time.sleep(0.05)
            assert session in state.connections
            server.server.handle_exit(signal.SIGTERM, None)
            server.thread.join(timeout=40)
            assert not server.thread.is_alive()
    assert "Traceback" not in caplog.text
