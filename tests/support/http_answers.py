"""A strict reader of what a server sends on one connection: HTTP answers, and a stream's frames after an upgrade."""

import json
import re
from dataclasses import dataclass

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\x20-\x7e]*")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff]*)")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def read_answers(received, without_body=frozenset()):
    """Take apart all that came; anything that is no whole answer fails.

    Args:
        received: All bytes of a connection.
        without_body: Numbers of the final answers that may leave their body out, as those to HEAD.

    Returns:
        The final answers, and the bytes of a stream if the last one opened it.
    """
    answers, final = [], 0
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, f"no end of the head: {head[:200]!r}"
        line, *rest = head.split(b"\r\n")
        found = STATUS_LINE.fullmatch(line)
        assert found, f"no status line: {line[:200]!r}"
        status, headers = int(found[1]), {}
        for each in rest:
            named = HEADER.fullmatch(each)
            assert named, f"no header: {each[:200]!r}"
            headers[named[1].lower()] = named[2]
        if status == 101:
            answers.append(Answer(status, headers, b""))
            return answers, received
        if status < 200:
            continue
        body = b""
        if status not in (204, 304):
            length = int(headers[b"content-length"])
            if not (final in without_body and (not received or received.startswith(b"HTTP/1.1 "))):
                body, received = received[:length], received[length:]
                assert len(body) == length, f"a body of {len(body)} bytes, announced {length}: {line!r}"
        if body and headers.get(b"content-type", b"").startswith(b"application/problem+json"):
            assert {"status", "code", "detail"} <= json.loads(body).keys()
            assert json.loads(body)["status"] == status
        answers.append(Answer(status, headers, body))
        final += 1
    return answers, b""


def read_frames(received):
    """Take apart a stream's frames from a server: unmasked, whole, text as UTF-8; returns (opcode, payload)."""
    frames = []
    while received:
        assert len(received) >= 2, "half a frame"
        first, length, start = received[0], received[1], 2
        assert first & 0x70 == 0, "reserved bits"
        assert first & 0xF in (0, 1, 2, 8, 9, 10), "no opcode"
        assert length < 128, "a server must not mask"
        if length > 125:
            assert first & 0xF < 8, "a control frame is short"
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start], "big")
        payload, received = received[start : start + length], received[start + length :]
        assert len(payload) == length, "half a frame"
        if first & 0xF == 1:
            json.loads(payload.decode())
        frames.append((first & 0xF, payload))
    return frames
