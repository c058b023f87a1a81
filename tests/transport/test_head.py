"""What a request's head may hold, and what it may offer."""

import asyncio
import json

import pytest

from app.transport.head import MAX_HEADERS, MAX_PARTS, MAX_QUERY_NAMES, MAX_TARGET_BYTES, MAX_VALUE_BYTES
from tests.transport.support import IMPATIENT_S, all_that_comes, answer_at_once, answer_to, finish, listening

LINE = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
TOO_LARGE = {
    "many": LINE + b"A: b\r\n" * (MAX_HEADERS + 2),
    "long together": LINE + b"".join(b"Long: %s\r\n" % (b"a" * 8000) for _ in range(9)) + b"\r\n",
    "a long one": LINE + b"Cookie: " + b"a" * (MAX_VALUE_BYTES + 1) + b"\r\n\r\n",
    "one without end": LINE + b"Endless: " + b"a" * 400_000,
    "semicolons": LINE + b"Content-Type: a" + b";" * MAX_PARTS + b"\r\n\r\n",
    "commas": LINE + b"Connection: a" + b",a" * MAX_PARTS + b"\r\n\r\n",
    "trailers": CHUNKED + b"1\r\na\r\n0\r\n" + b"Trailer: b\r\n" * 200,
    "trailer without end": CHUNKED + b"1\r\na\r\n0\r\nEndless: " + b"a" * 400_000,
    "chunk extension": CHUNKED + b"1;" + b"a" * 400_000,
}
TOO_LONG = {
    "path": b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "path without end": b"GET /" + b"a" * 400_000,
    "query": b"GET /?" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "names": b"GET /?a" + b"&a" * MAX_QUERY_NAMES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
}
NOT_HTTP = {
    "chunks of one byte": CHUNKED + b"1\r\na\r\n" * 100_000,
    "chunks of one byte with extensions": CHUNKED + b"1;a=b\r\na\r\n" * 50_000,
    "nonsense": b"nonsense\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": LINE + b"Host: b\r\n\r\n",
    "two hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
}
REFUSED = [
    *((sent, b"431 Request Header Fields Too Large", "headers_too_large") for sent in TOO_LARGE.values()),
    *((sent, b"414 ", "uri_too_long") for sent in TOO_LONG.values()),
    *((sent, b"400 ", "bad_request") for sent in NOT_HTTP.values()),
]


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED, ids=[*TOO_LARGE, *TOO_LONG, *NOT_HTTP])
def test_what_is_refused_before_it_is_read(sent, status, code):
    answer, _, body = asyncio.run(answer_to(sent)).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in answer
    assert json.loads(body)["code"] == code


def test_a_method_in_small_letters_is_told_what_is_wrong():
    answer, _, body = asyncio.run(answer_to(b"post / HTTP/1.1\r\nHost: a\r\n\r\n")).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "in capitals" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * (MAX_TARGET_BYTES - 1) + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /?a" + b"&a" * (MAX_QUERY_NAMES - 1) + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        LINE + b"Connection: close" + b",a" * (MAX_PARTS - 1) + b"\r\n\r\n",
        LINE + b"Connection: close\r\nCookie: " + b"a" * MAX_VALUE_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
    ids=["path", "names", "parts", "value", "an empty host", "HTTP/1.0 without a host"],
)
def test_what_just_fits_is_answered(sent):
    assert asyncio.run(answer_to(sent)).startswith(b"HTTP/1.1 200 ")


def test_spaces_around_a_value_are_no_part_of_it():
    async def run():
        seen = asyncio.get_running_loop().create_future()

        async def app(scope, receive, send):
            seen.set_result(dict(scope["headers"]))
            await answer_at_once(scope, receive, send)

        async with listening(app) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(LINE + b"X-API-Key: \t a key \t \r\n\r\n")
            headers = await asyncio.wait_for(seen, 30)
            await finish(writer)
        assert headers[b"x-api-key"] == b"a key"

    asyncio.run(run())


@pytest.mark.parametrize("parts", [1, 2], ids=["at once", "the body later"])
def test_an_offer_of_http_2_is_ignored_and_the_body_is_read(parts):
    """Java's default client and `curl --http2` make it."""
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\nUpgrade: h2c\r\n"
    )
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
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n0")
            writer.write(b"\r\n")
            assert await all_that_comes(reader) == b""
            await finish(writer)

    asyncio.run(run())


def test_a_body_in_chunks_as_small_as_they_may_be_is_no_large_head():
    async def run():
        async with listening(answer_at_once) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write((b"40\r\n" + b"a" * 64 + b"\r\n") * 10_000 + b"0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await asyncio.wait_for(reader.readexactly(6), 30) == b"640000"
            await finish(writer)

    asyncio.run(run())
