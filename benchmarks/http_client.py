"""Closed-loop HTTP/1.1 clients on bare sockets: requests are prepared in advance, so that a client costs little.

Clients and server share the machine's cores; `benchmarks.load` reports how much the clients took.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

BOUNDARY = "----mien-benchmarks"

INTERIM = "http/1.1 1"
"""How the head of an interim answer begins, in lower case."""


@dataclass(frozen=True)
class Answer:
    """The outcome of one request.

    Attributes:
        client: Number of the client, from 0.
        began_s: When the first byte was sent, by `time.perf_counter`.
        ended_s: When the last byte was received.
        retry_after_s: How long a refusal asks the client to wait; None if it does not say.
    """

    client: int
    began_s: float
    ended_s: float
    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def took_s(self) -> float:
        """How long the answer took."""
        return self.ended_s - self.began_s


def post(path: str, payload: bytes, content_type: str = "image/jpeg") -> bytes:
    """Return a whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(payload)}"
    return f"{head}\r\n\r\n".encode() + payload


def post_form(path: str, payload: bytes) -> bytes:
    """Return a whole POST request with the payload as the form's `file`, as a browser sends it."""
    disposition = 'Content-Disposition: form-data; name="file"; filename="photo.jpg"'
    head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n"
    body = head.encode() + payload + f"\r\n--{BOUNDARY}--\r\n".encode()
    return post(path, body, f"multipart/form-data; boundary={BOUNDARY}")


def until(seconds: float, request: bytes) -> Iterator[bytes]:
    """Repeat a request for this many seconds from now."""
    end = time.perf_counter() + seconds
    return itertools.takewhile(lambda _: time.perf_counter() < end, itertools.repeat(request))


async def ask_all(
    port: int, sources: Sequence[Iterable[bytes]], take: Callable[[Answer], None], patient: bool = False
) -> None:
    """Run one client per source, all at once, until every source is exhausted.

    Args:
        port: Port of a server on this machine.
        sources: Each client's requests, in order; a source may end by the clock.
        take: Called with each answer.
        patient: Whether a client waits as long as a refusal asks.

    Raises:
        ConnectionError: If the server closes a connection or does not speak HTTP/1.1 with a content length.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for number, source in enumerate(sources):
                group.create_task(_client(port, number, source, take, patient))
    except* OSError as failures:
        raise ConnectionError("The server broke a connection off or did not speak HTTP/1.1.") from failures


async def _client(
    port: int, number: int, source: Iterable[bytes], take: Callable[[Answer], None], patient: bool
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in source:
            answer = await _exchange(reader, writer, number, request)
            take(answer)
            if patient and answer.retry_after_s is not None:
                await asyncio.sleep(answer.retry_after_s)
    finally:
        writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, request: bytes) -> Answer:
    began = time.perf_counter()
    writer.write(request)
    await writer.drain()
    status, fields, body = await read_answer(reader)
    wait_s = float(fields["retry-after"]) if "retry-after" in fields else None
    return Answer(number, began, time.perf_counter(), status, body, wait_s)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer; interim ones before it (100 Continue) are passed over.

    Returns:
        Its status, its headers by their names in lower case, and its body.

    Raises:
        ConnectionError: If it is not whole, or no HTTP/1.1 with a content length.
    """
    try:
        status_line = INTERIM
        while status_line.startswith(INTERIM):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status_line, *lines = head.strip().split("\r\n")
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(status_line.split(" ")[1]), fields, await reader.readexactly(int(fields["content-length"]))
    except (asyncio.IncompleteReadError, IndexError, KeyError, ValueError) as error:
        raise ConnectionError(f"Not a whole HTTP/1.1 answer: {error}") from error
