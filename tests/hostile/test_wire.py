"""hypothesis puts requests, forms and frames together, right and broken, and a real server must keep its manners."""

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.hostile.wire_pieces import Sent, frames, odd_requests, right_requests, upgrades
from tests.support.http_answers import read_answers, read_frames
from tests.support.thread_server import ThreadServer

TIMEOUTS = {"header_timeout_s": 0.5, "upload_timeout_s": 0.5, "stream_idle_timeout_s": 0.5, "stream_ping_s": 0.5}
PAUSE_S = TIMEOUTS["header_timeout_s"] / 2
"""Who sent nothing for longer, as a test may on a busy machine, may find its connection closed."""

BOUND_S = 15.0
"""In which each connection must be over; an answer before its upload leaves the client 10 s to stop sending."""

LIVEZ_S, TRIES = 0.25, 3
"""On a busy machine any process may have to wait; not three times in a row."""

AHEAD_BYTES = 30_000
"""Less than the server lets a client send ahead of its answers."""

TALKS = 4
"""Connections that an example begins with."""

ONE_RUN = settings(
    max_examples=20, stateful_step_count=20, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip


class Talk:
    """A connection, and what may be expected of it.

    Attributes:
        expected: How many answers are due at least: to right requests, if nothing else was sent.
        is_right: Whether the next right request must be answered, too.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=BOUND_S)
        self.expected, self.is_right = 0, True
        self.without_body: set[int] = set()
        self.sent: list[bytes] = []
        self._last_s = time.monotonic()

    def send(self, sent: Sent, cuts: list[int]) -> None:
        was_quick = time.monotonic() - self._last_s < PAUSE_S
        self.is_right = self.is_right and sent.is_right and was_quick
        self.expected += self.is_right
        if not sent.is_right or sum(map(len, self.sent)) > AHEAD_BYTES:
            self.expected = 0  # after what is too much or not HTTP only the answer in work is finished
        if sent.has_no_body:
            self.without_body |= {len(self.sent), *range(len(self.sent), len(self.sent) + 20)}
        self.write(sent.data, cuts)
        if sent.ends:  # the server may end the connection with an answer that came before its upload
            self.is_right = False

    def write(self, data: bytes, cuts: list[int]) -> None:
        self.sent.append(data)
        places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        with contextlib.suppress(ConnectionError):  # the server may have had enough
            for start, end in pairwise(places):
                self.socket.sendall(data[start:end])
        self._last_s = time.monotonic()

    def half_close(self) -> None:
        """Send no more, which is legal: all that was sent whole is answered."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def all_that_comes(self) -> tuple[bytes, bool]:
        """Read until the server ends the connection, and say whether it reset it."""
        received, until = b"", time.monotonic() + BOUND_S
        try:
            while part := self.socket.recv(65_536):
                received += part
                assert time.monotonic() < until, f"not over after {BOUND_S} s: {self.sent}"
        except TimeoutError:
            pytest.fail(f"nothing for {BOUND_S} s, after {self.sent}")
        except ConnectionError:
            return received, True
        return received, False


class Wire(RuleBasedStateMachine):
    """Clients of one server, at the same time."""

    address: tuple[str, int]
    failures: list[logging.LogRecord]

    talks = Bundle("talks")
    streams = Bundle("streams")
    cuts = st.lists(st.integers(0, 10_000), max_size=3)

    @initialize(target=talks, is_patient=st.integers(0, 7).map(lambda number: number == 7))
    def begin(self, is_patient: bool) -> Any:
        self.open = [Talk(self.address) for _ in range(TALKS)]
        self.is_patient = is_patient
        self.failures.clear()
        return multiple(*self.open)

    @rule(target=talks)
    def connect(self) -> Talk:
        self.open.append(Talk(self.address))
        return self.open[-1]

    @rule(talk=talks, sent=right_requests(), cuts=cuts)
    def ask_rightly(self, talk: Talk, sent: Sent, cuts: list[int]) -> None:
        talk.send(sent, cuts)

    @rule(talk=consumes(talks), sent=right_requests())
    def ask_a_last_time(self, talk: Talk, sent: Sent) -> None:
        talk.send(sent, [])
        talk.half_close()

    @rule(talk=talks, sent=odd_requests(), cuts=cuts)
    def ask_oddly(self, talk: Talk, sent: Sent, cuts: list[int]) -> None:
        talk.send(sent, cuts)

    @rule(talk=talks, data=st.binary(min_size=1, max_size=40))
    def send_anything(self, talk: Talk, data: bytes) -> None:
        talk.send(Sent(data), [])

    @rule(target=streams, talk=consumes(talks), sent=upgrades(), cuts=cuts)
    def upgrade(self, talk: Talk, sent: Sent, cuts: list[int]) -> Talk:
        talk.send(sent, cuts)
        return talk

    @rule(talk=streams, data=st.lists(frames(), min_size=1, max_size=4).map(b"".join), cuts=cuts)
    def send_frames(self, talk: Talk, data: bytes, cuts: list[int]) -> None:
        talk.write(data, cuts)

    @rule(talk=st.one_of(consumes(talks), consumes(streams)))
    def send_no_more(self, talk: Talk) -> None:
        talk.half_close()

    @rule(talk=st.one_of(consumes(talks), consumes(streams)))
    def leave(self, talk: Talk) -> None:
        talk.socket.close()
        self.open.remove(talk)

    def teardown(self) -> None:
        """All that is still open must be answered and over in time, and the server must be well."""
        for talk in self.open:
            if not (self.is_patient or talk.expected):  # else it is the server that has had enough
                talk.half_close()
        for talk in self.open:
            with talk.socket:
                received, was_reset = talk.all_that_comes()
                check(talk, received, was_reset)
        assert any(livez_s(self.address) < LIVEZ_S for _ in range(TRIES))
        assert not self.failures, [record.getMessage() for record in self.failures]


def check(talk: Talk, received: bytes, was_reset: bool) -> None:
    """Whether what came is HTTP, and no failure."""
    if was_reset and not talk.is_right:
        received = b""  # the rest of an answer may be lost with a reset
    answers, stream = read_answers(received, talk.without_body)
    assert all(each.status != 500 for each in answers), (talk.sent, answers)
    assert len(answers) >= talk.expected or was_reset, (talk.sent, answers)
    read_frames(stream)


def livez_s(address: tuple[str, int]) -> float:
    """Ask for /livez on a new connection, and return how long it took."""
    began = time.monotonic()
    with socket.create_connection(address, timeout=BOUND_S) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while part := connection.recv(4_096):
            received += part
    assert received.startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - began


class Failures(logging.Handler):
    """Keeps what was logged as an error, or with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.records.append(record)


@pytest.fixture
def failures() -> Iterator[list[logging.LogRecord]]:
    handler = Failures()
    logging.getLogger().addHandler(handler)
    yield handler.records
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(45, marks=pytest.mark.slow, id="a minute"),
        pytest.param(3_600, marks=[pytest.mark.long, pytest.mark.timeout(4_500)], id="an hour"),
    ],
)
def test_whatever_is_sent_the_server_answers_or_closes(seconds, failures):
    until = time.monotonic() + seconds
    with ThreadServer(**TIMEOUTS) as server:

        class Here(Wire):
            address = server.server.servers[0].sockets[0].getsockname()

        Here.failures = failures
        while time.monotonic() < until:
            run_state_machine_as_test(Here, settings=ONE_RUN)
