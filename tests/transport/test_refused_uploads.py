"""Answers that leave before the body has come, on connections that end with them: they must arrive all the same."""

import asyncio
import contextlib

import pytest

from app.transport import polite
from tests.transport.support import finish, listening

BODY = bytes(8_000_000)
"""More than the system's buffers hold, so that most of it is unread when the answer leaves."""

PROBLEM = b'{"code": "unauthorized"}'


async def refuse(_scope, _receive, send):
    await send({
        "type": "http.response.start", "status": 401, "headers": [(b"content-length", b"%d" % len(PROBLEM))],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": PROBLEM})


def chunked(body, size=100_000):
    parts = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


LENGTH = b"Content-Length: %d\r\n" % len(BODY)
REQUESTS = {
    "close": (b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + LENGTH + b"\r\n", BODY),
    "1.0": (b"POST / HTTP/1.0\r\n" + LENGTH + b"\r\n", BODY),
    "chunked": (
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(BODY),
    ),
    "keep-alive": (b"POST / HTTP/1.1\r\nHost: a\r\n" + LENGTH + b"\r\n", BODY),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REQUESTS))
def test_a_client_that_reads_only_when_it_has_sent_all_gets_its_answer(name):
    """As urllib and many others do; ten at a time, twice."""
    request, body = REQUESTS[name]

    async def ask(address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request + body)
        await writer.drain()
        answer = await reader.readuntil(PROBLEM)
        await finish(writer)
        return answer

    async def run():
        async with listening(refuse) as address:
            for _ in range(2):
                answers = await asyncio.gather(*(ask(address) for _ in range(10)))
                assert all(answer.startswith(b"HTTP/1.1 401 ") for answer in answers)

    asyncio.run(run())


def test_after_the_answer_nothing_is_kept_and_the_connection_ends(monkeypatch):
    """Bounded in time for a client that sends for ever, and in bytes for one that sends fast."""
    request, _ = REQUESTS["close"]
    monkeypatch.setattr(polite, "DISCARD_S", 0.2)

    async def run():
        async with listening(refuse) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(request)
            assert PROBLEM in await asyncio.wait_for(reader.read(), 30)  # to the end: the server says no more
            with contextlib.suppress(ConnectionError):
                for _ in range(1000):
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
                raise AssertionError("the connection was kept")
            await finish(writer)

    asyncio.run(run())


def test_too_much_is_not_read_on_and_on(monkeypatch):
    request, body = REQUESTS["close"]
    monkeypatch.setattr(polite, "MAX_DISCARDED_BYTES", 100_000)

    async def run():
        async with listening(refuse) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(request)
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    writer.write(body)
                    await writer.drain()
                raise AssertionError("800 MB were read")
            await finish(writer)

    asyncio.run(run())
