"""Frames of a WebSocket, found in bytes that arrive in any parts, and counted by client."""

import random

import pytest
from websockets.frames import Frame, Opcode

from app.transport.buckets import LeakyBuckets
from app.transport.frames import FrameWalk

LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 100_000)


def serialized(opcode, length, mask=True, fin=True):
    return Frame(opcode, bytes(length), fin).serialize(mask=mask)


def ends_found(data, parts):
    walk, ends, seen = FrameWalk(), [], 0
    for part in parts:
        start = 0
        while start < len(part):
            end, frame = walk.to_end(part, start)
            assert end > start
            if frame is not None:
                ends.append((seen + end, frame.control))
            start = end
        seen += len(part)
    assert seen == len(data)
    return ends


@pytest.mark.parametrize("seed", range(20))
def test_the_ends_are_those_that_the_library_wrote(seed):
    chance, data, expected = random.Random(seed), b"", []  # noqa: S311
    for _ in range(12):
        opcode = chance.choice([Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE])
        control = opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE)
        data += serialized(opcode, chance.choice(LENGTHS[:3] if control else LENGTHS), chance.random() < 0.8)
        expected.append((len(data), control))
    cuts = sorted(chance.sample(range(1, len(data)), 6))
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert ends_found(data, parts) == expected
    if len(data) < 5000:
        assert ends_found(data, [data[place : place + 1] for place in range(len(data))]) == expected


def test_a_frame_of_single_bytes_ends_where_its_last_one_is():
    data = serialized(Opcode.BINARY, 126) + serialized(Opcode.PING, 0)
    assert ends_found(data, [bytes([each]) for each in data]) == [(len(data) - 6, False), (len(data), True)]


def test_a_client_is_counted_over_its_connections_and_gets_its_rate_back():
    now = [0.0]
    counts = LeakyBuckets(100, clock=lambda: now[0])
    assert sum(counts.admits("a") for _ in range(200)) in (99, 100)  # sums of hundredths may miss by one
    assert counts.admits("b")
    now[0] = 0.5
    assert sum(counts.admits("a") for _ in range(100)) in (49, 50, 51)


def test_clients_that_send_no_more_are_forgotten():
    now = [0.0]
    counts = LeakyBuckets(100, clock=lambda: now[0])
    for number in range(1000):
        now[0] += 0.01
        counts.admits(f"client {number}")
    assert len(counts) <= 4
