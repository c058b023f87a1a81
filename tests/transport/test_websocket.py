"""Streams' connections with clients that flood, are refused, or do not read."""

import contextlib
import signal
import socket
import time

import httpx
import numpy as np
import pytest

from app.transport.http import MAX_AHEAD_BYTES
from app.transport.websocket import MAX_FRAMES_PER_S, POLICY_VIOLATION
from tests.support.pictures import encode
from tests.support.thread_server import ThreadServer
from tests.transport.support import CONTINUATION, MASK, OPENING, PING, PONG, UPGRADE, connected, rest_of


@pytest.fixture
def server():
    with ThreadServer() as running:
        yield running


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
def test_a_request_for_a_stream_that_is_refused_is_answered_and_closed(server, request_, status):
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


def read_until(connection, words):
    received = b""
    while words not in received:
        part = connection.recv(65536)
        assert part, received
        received += part


def test_what_comes_after_the_close_is_not_kept():
    with ThreadServer(stream_max_sessions=1) as server, connected(server, UPGRADE + b"\r\n") as first:
        read_until(first, b"session.created")  # it has the only place before the other one asks
        with connected(server, UPGRADE + b"\r\n") as second:
            read_until(second, b"All streams are taken")
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
