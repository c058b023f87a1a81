"""A real server process against clients that dribble, leave, storm, and against the signal to stop."""

import json
import re
import socket
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from tests.support.photos import photo_path
from tests.support.pictures import encode, gradient
from tests.support.server_process import running_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("server"), log_format="json", queue_size=8) as running:
        yield running


@pytest.fixture(scope="module")
def impatient_server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("impatient"), header_timeout_s=1, upload_timeout_s=1) as running:
        yield running


def ask(address, payload, timeout_s=60):
    """POST a picture; return the status, the parsed answer and the headers."""
    request = urllib.request.Request(f"{address}/detect", payload)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            return answer.status, json.load(answer), answer.headers
    except HTTPError as error:
        return error.code, json.load(error), error.headers


def talk(server, sent):
    """Send raw bytes, then read until the server closes."""
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


@pytest.mark.parametrize("sent", [b"", b"POST /detect HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"GET"])
def test_headers_that_never_end_are_hung_up_on(impatient_server, sent):
    started = time.monotonic()
    assert talk(impatient_server, sent) == b""
    assert time.monotonic() - started < 10


def test_slow_headers_of_a_second_request_too(impatient_server):
    received = talk(impatient_server, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: ")
    assert received.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "head", ["Content-Length: 1000\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
def test_half_sent_bodies_are_answered_408_and_closed(impatient_server, head):
    received = talk(impatient_server, f"POST /detect HTTP/1.1\r\nHost: a\r\n{head}".encode())
    assert received.startswith(b"HTTP/1.1 408")
    assert b"upload_timeout" in received


def test_a_body_that_nobody_reads_does_not_keep_the_connection(impatient_server):
    received = talk(impatient_server, b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf")
    assert received.startswith(b"HTTP/1.1 404")


def test_a_thousand_clients_who_leave_cost_nothing(server):
    payload = photo_path("zidane").read_bytes()
    head = f"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
    for number in range(1000):
        with socket.create_connection((server.host, server.port), timeout=30) as connection:
            connection.sendall(head + payload[: len(payload) * (number % 5) // 4])
    patience = time.monotonic() + 60
    status, answer, _ = ask(server.address, payload)
    while status != 200 and time.monotonic() < patience:  # the last ones may still be in the networks
        time.sleep(0.1)
        status, answer, _ = ask(server.address, payload)
    assert (status, len(answer["faces"])) == (200, 2)
    assert server.process.poll() is None
    assert "Traceback" not in server.log


def test_a_storm_is_answered_200_or_503_and_the_server_recovers(server):
    payload = encode(gradient(320, 240), "JPEG")
    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(lambda _: ask(server.address, payload), range(96)))
    statuses = {status for status, _, _ in answers}
    assert 200 in statuses
    assert statuses <= {200, 503}
    assert all("retry-after" in headers for status, _, headers in answers if status == 503)
    assert ask(server.address, payload)[0] == 200


def test_logs_of_a_real_server_are_json_with_request_ids(server):
    request = urllib.request.Request(  # noqa: S310
        f"{server.address}/detect", photo_path("zidane").read_bytes(), {"X-Request-ID": "find-me"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        probabilities = [face["probabilities"] for face in json.load(answer)["faces"]]
    log = server.wait_for_log('"find-me"')
    [line] = [line for each in log.splitlines() if (line := json.loads(each)).get("request_id") == "find-me"]
    assert (line["route"], line["status"]) == ("/detect", 200)
    assert not any(str(value) in log for each in probabilities for value in each.values())


def test_debug_logs_hold_no_key_no_query_and_no_address(tmp_path):
    with running_server(tmp_path, log_level="debug", api_keys="sekret") as server:
        headers = {"X-API-Key": "sekret"}
        with connect(f"{server.stream_address}?who=alice", additional_headers=headers) as session:
            session.recv()
            session.send(photo_path("zidane").read_bytes())
            assert json.loads(session.recv(timeout=60))["type"] == "frame.result"
        server.terminate()
        assert "/detect/stream" in server.log
        log = server.log.replace(f"{server.host}:{server.port}", "")
        assert not re.search(r"sekret|alice|127\.0\.0\.1|BINARY|probabilities", log)


def start_to_stream_without_reading(server):
    """Ask for an annotated picture larger than all buffers on the way, and read no further than that it comes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.connect((server.host, server.port))
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    connection.sendall(
        f"GET /detect/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode()
    )
    noise = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), dtype=np.uint8)
    for opcode, data in (
        (Opcode.TEXT, b'{"type": "session.update", "annotate": true}'),
        (Opcode.BINARY, encode(noise)),
    ):
        connection.sendall(Frame(opcode, data).serialize(mask=True))
    received = b""
    while b"frame.result" not in received:
        received += connection.recv(4096)
    return connection


def test_a_stream_that_nobody_reads_does_not_hold_up_the_stop(tmp_path):
    with running_server(tmp_path, deadline_s=5, stream_max_frame_bytes=50_000_000) as server:
        with start_to_stream_without_reading(server):
            assert server.terminate() < 15
        assert "Traceback" not in server.log
        assert "Cancel" not in server.log


def test_the_signal_to_stop_under_load_finishes_what_is_in_work(tmp_path):
    payload = photo_path("zidane").read_bytes()

    answers, some = [], threading.Semaphore(0)

    def client(address):
        while True:
            try:
                answers.append(ask(address, payload)[0])
            except (URLError, OSError):  # refused: the port is closed
                return
            some.release()

    with running_server(tmp_path) as server:
        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client, server.address) for _ in range(8)]
            for _ in range(4):
                assert some.acquire(timeout=60)
            seconds = server.terminate()
            for each in clients:
                each.result(timeout=60)
        assert set(answers) <= {200, 503}
        assert seconds < 31
        assert "Traceback" not in server.log
        assert "Cancel" not in server.log
        assert re.search(r"Finished server process", server.log)
