"""Attacks by the bodies of requests: how they are cut up, how slowly they come, and whether refusals of them arrive."""

import asyncio
from dataclasses import replace

from benchmarks.attacks.catalogue import attack
from benchmarks.attacks.target import Client, Done, Target, flood, meanwhile
from benchmarks.http_client import post

CHUNKED = b"POST /detect HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
FORM = "multipart/form-data; boundary=x"

BODY_BYTES = 4_000_000
"""Of an upload that is refused: more than the system's buffers hold."""

TRIES = 100


@attack(3)
def tiny_chunks(target: Target) -> list[Client]:
    """40 clients send bodies in chunks of one byte, a million each."""
    return flood(target, [CHUNKED + b"1\r\na\r\n" * 1_000_000 + b"0\r\n\r\n"], 40)


@attack(3)
def chunk_extensions(target: Target) -> list[Client]:
    """40 clients send chunks with long extensions, and trailers."""
    chunk = b"1;" + b"a=b;" * 1_000 + b"\r\na\r\n"
    trailers = b"".join(b"T%d: %s\r\n" % (number, b"a" * 200) for number in range(120))
    return flood(target, [CHUNKED + chunk * 1_000 + b"0\r\n" + trailers + b"\r\n"], 40)


@attack(4)
def almost_boundaries(target: Target) -> list[Client]:
    """20 clients send forms of 20 MB that are almost boundaries throughout."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return flood(target, [post("/detect", head + b"\r\n--xA" * 3_000_000 + b"\r\n--x--\r\n", FORM)], 20)


@attack(4)
def beginnings_of_boundaries(target: Target) -> list[Client]:
    """20 clients send forms of 20 MB of what boundaries begin with."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    bodies = [b"\r\n-" * 6_000_000, b"\r" * 19_000_000, b"\r\n" * 9_000_000]
    return flood(target, [post("/detect", head + each + b"\r\n--x--\r\n", FORM) for each in bodies], 20)


@attack(4)
def form_headers(target: Target) -> list[Client]:
    """20 clients send forms whose parts have countless headers, or headers of a megabyte."""
    many = b"--x\r\n" + b"a: b\r\n" * 1_500_000
    long = b"--x\r\nContent-Disposition: " + b"a;" * 4_000_000
    parts = b"--x\r\n\r\n\r\n" * 1_000_000
    return flood(target, [post("/detect", each, FORM) for each in (many, long, parts)], 20)


def _refusals() -> dict[str, bytes]:
    """Return heads of requests whose bodies are refused before these have come; the HTTP version is left open."""
    key, kind = b"X-API-Key: attacks\r\n", b"Content-Type: application/octet-stream\r\n"
    return {
        "401": b"POST /detect HTTP/%s\r\nHost: 127.0.0.1\r\n" + kind,
        "404": b"POST /nowhere HTTP/%s\r\nHost: 127.0.0.1\r\n" + key,
        "413": b"POST /detect HTTP/%s\r\nHost: 127.0.0.1\r\n" + key + kind,
        "415": b"POST /detect/batch HTTP/%s\r\nHost: 127.0.0.1\r\n" + key + kind,
    }


def _ways() -> dict[str, tuple[bytes, bytes, bytes]]:
    """Return the ways to send a body: HTTP version, headers, and the body itself."""
    length, body = b"Content-Length: %d\r\n" % BODY_BYTES, bytes(BODY_BYTES)
    chunks = b"".join(b"%x\r\n%s\r\n" % (65_536, bytes(65_536)) for _ in range(BODY_BYTES // 65_536)) + b"0\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n"
    return {
        "keep-alive": (b"1.1", length, body),
        "close": (b"1.1", length + b"Connection: close\r\n", body),
        "HTTP/1.0": (b"1.0", length, body),
        "chunked, close": (b"1.1", chunked + b"Connection: close\r\n", chunks),
    }


@attack(10, settings={"MIEN_API_KEYS": "honest,attacks", "MIEN_MAX_IMAGE_BYTES": "1000000"}, least_s=60.0)
def refused_uploads(target: Target) -> list[Client]:
    """Uploads of 4 MB that are refused early, by clients that send all before they read; 100 tries of each kind."""
    ways = _ways()

    def client(status: str, head: bytes, way: str) -> Client:
        version, headers, body = ways[way]

        async def ask() -> None:
            for _ in range(TRIES):
                target.tried(f"{status}, {way}", await _is_told(target, head % version + headers, body, status))
            raise Done

        return ask

    return [client(status, head, way) for way in ways for status, head in _refusals().items()]


async def _is_told(target: Target, head: bytes, body: bytes, status: str) -> bool:
    """Send all, and only then look for the answer: as urllib and many others do."""
    try:
        async with await target.open() as connection:
            connection.writer.transport.set_write_buffer_limits(high=0)
            connection.writer.write(head + b"\r\n" + body)
            await connection.writer.drain()
            found = await connection.answer()
    except OSError:
        target.seen["no answer"] += 1
        return False
    return str(found) == status


def _trickling(target: Target, part: bytes) -> Client:
    """Return a client that sends a picture, so much of it a second."""

    async def trickle() -> None:
        async with await target.open() as connection:
            connection.writer.write(post("/detect", b"").replace(b"Length: 0", b"Length: 100000"))
            async with meanwhile(connection.answer()) as answer:
                while not answer.done():
                    connection.writer.write(part)
                    await asyncio.wait([answer], timeout=1.0)
                target.seen[str(await answer)] += 1

    return trickle


@attack(11)
def trickled_uploads(target: Target) -> list[Client]:
    """600 clients send a picture at a byte a second."""
    return [_trickling(target, b"\xff")] * 600


@attack(11)
def slow_uploads_from_everywhere(target: Target) -> list[Client]:
    """700 addresses send a picture each, at two kilobytes a second: more than there are places."""
    sources = [f"127.2.{number // 250}.{number % 250 + 1}" for number in range(700)]
    return [_trickling(replace(target, source=target.source and each), bytes(2_000)) for each in sources]


@attack(11)
def held_uploads(target: Target) -> list[Client]:
    """30 clients send all but the last byte of 19 MB, and hold on."""
    request = post("/detect", bytes(19_000_000))[:-1]

    async def hold() -> None:
        async with await target.open() as connection:
            connection.writer.write(request)
            status = await connection.answer()
            target.seen[str(status)] += 1

    return [hold] * 30
