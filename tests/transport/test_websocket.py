"""Streams' connections with clients that flood, are refused, or do not read."""

import contextlib
import signal
import socket
import time

import httpx
import numpy as np
import pytest

from app.transport.http import MAX_AHEAD_BYTES
from app.transport.websocket import (
    INVALID_DATA,
    MAX_CONTROL_PER_S,
    MAX_FRAMES_PER_S,
    MESSAGE_TOO_BIG,
    POLICY_VIOLATION,
    TRY_AGAIN_LATER,
    UNCOUNTED_BYTES,
)
from tests.support.pictures import encode
from tests.support.thread_server import ThreadServer
from tests.support.wait import wait_until
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


def read_until(connection, words):
    received = b""
    while words not in received:
        part = connection.recv(65536)
        assert part, received
        received += part


def close_of(connection):
    """Return the code and the words of the close frame at the end of what comes."""
    rest = rest_of(connection)
    start = rest.rindex(b"\x88")
    return int.from_bytes(rest[start + 2 : start + 4], "big"), rest[start + 4 :].decode()


@contextlib.contextmanager
def streaming(server):
    with connected(server, UPGRADE + b"\r\n") as connection:
        read_until(connection, b"session.created")
        yield connection


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (PONG * (MAX_CONTROL_PER_S + 1), f"More than {MAX_CONTROL_PER_S} pings and pongs in a second."),
        (OPENING + CONTINUATION * MAX_FRAMES_PER_S, "More than 1,000 frames in a second."),
    ],
    ids=["pongs", "fragments"],
)
def test_one_frame_too_many_is_told_why(server, sent, reason):
    with streaming(server) as connection:
        connection.sendall(sent)
        assert close_of(connection) == (POLICY_VIOLATION, reason)


def test_frames_are_counted_over_all_streams_of_a_client():
    """So few and slow streams are allowed here that a client has 1,000 frames in all."""
    with (
        ThreadServer(stream_max_sessions=2, stream_max_frames_per_second=1) as server,
        streaming(server) as first,
        streaming(server) as second,
    ):
        first.sendall(OPENING + CONTINUATION * (MAX_FRAMES_PER_S - 100))
        second.sendall(OPENING + CONTINUATION * (MAX_FRAMES_PER_S - 100))
        assert "over all your streams" in close_of(second)[1]


def test_as_many_frames_as_are_allowed_are_heard(server):
    with streaming(server) as connection:
        for _ in range(3):
            connection.sendall(PONG * (MAX_CONTROL_PER_S // 4))
        connection.sendall(b"\x81\x82" + MASK + b"{}")  # no message that it knows: it says so, and goes on
        read_until(connection, b"session.error")


@pytest.mark.parametrize(
    ("text", "code"), [(b"\xff\xfe", INVALID_DATA), (b"a" * 70_000, MESSAGE_TOO_BIG)], ids=["not UTF-8", "too long"]
)
def test_text_that_is_none_ends_the_session_without_a_traceback(server, caplog, text, code):
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xff" + len(text).to_bytes(8, "big")
    with streaming(server) as connection:
        connection.sendall(b"\x81" + length + MASK + text)
        assert close_of(connection)[0] == code
    assert "Traceback" not in caplog.text
    assert "UTF-8 sequence" not in caplog.text


def unfinished(size, announced):
    return b"\x82\xff" + announced.to_bytes(8, "big") + MASK + bytes(size)


def test_an_unfinished_message_counts_as_bytes_held_until_its_client_leaves(server):
    budget = server.engine.admission.body_bytes
    with streaming(server) as connection:
        connection.sendall(unfinished(1_000_000, 2_000_000))
        wait_until(lambda: budget.held >= 1_000_000)
        connection.sendall(bytes(500_000))
        wait_until(lambda: budget.held >= 1_500_000)
    wait_until(lambda: budget.held == 0)


def test_a_message_that_was_answered_counts_no_more(server):
    budget = server.engine.admission.body_bytes
    frame = encode(np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8), "PNG")
    assert len(frame) > UNCOUNTED_BYTES
    with streaming(server) as connection:
        connection.sendall(unfinished(0, len(frame)) + frame)
        read_until(connection, b"frame.result")
        wait_until(lambda: budget.held == 0)


def test_unfinished_messages_beyond_the_share_end_their_session_and_leave_room_for_others():
    with ThreadServer(max_body_bytes_held=4_000_000, max_request_bytes=3_000_000) as server:
        budget = server.engine.admission.body_bytes
        with streaming(server) as first, streaming(server) as second:
            first.sendall(unfinished(2_500_000, 5_000_000))
            wait_until(lambda: budget.held >= 2_500_000)
            second.sendall(unfinished(2_500_000, 5_000_000))
            assert close_of(second)[0] == TRY_AGAIN_LATER
            assert budget.held <= budget.capacity * 7 / 8


def test_a_message_that_never_ends_ends_its_session():
    with ThreadServer(upload_timeout_s=0.5) as server, streaming(server) as connection:
        connection.sendall(unfinished(100, 200))
        assert close_of(connection) == (POLICY_VIOLATION, "A message was not complete after 0.5 s.")


def test_fragments_are_joined_whatever_comes_between(server):
    frame = encode(np.zeros((40, 40, 3), np.uint8), "PNG")
    parts = [frame[start : start + 10] for start in range(0, len(frame), 10)]
    sent = b"\x02" + bytes([0x80 | len(parts[0])]) + MASK + parts[0] + PING
    for part in parts[1:]:
        sent += b"\x00" + bytes([0x80 | len(part)]) + MASK + part
    with streaming(server) as connection:
        for start in range(0, len(sent), 7):
            connection.sendall(sent[start : start + 7])
        connection.sendall(CONTINUATION.replace(b"\x00\x80", b"\x80\x80", 1))
        read_until(connection, b"frame.result")


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
