"""What an attack knows of the server, and what its clients share: connections from one address, and counts."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from websockets.frames import Frame, Opcode

from benchmarks.http_client import read_answer

IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: the port is chosen when connecting, so that as many connections as ports are possible to each server."""

AFTER_A_FAILURE_S = 0.02
"""A client that was thrown out waits so long: otherwise a refusing server would mostly be measured against retries."""

READ_AHEAD_BYTES = 1_048_576

Result = TypeVar("Result")

Client = Callable[[], Awaitable[None]]
"""One client of an attack; it begins anew whenever it has ended."""


class Done(Exception):
    """Raised by a client that has nothing left to do."""


@dataclass(frozen=True)
class Connection:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def answer(self) -> int:
        """Read one answer, and return its status.

        Raises:
            ConnectionError: If it is not whole.
        """
        return (await read_answer(self.reader))[0]

    async def drop_all(self) -> None:
        """Read, and keep nothing, until the server closes."""
        while await self.reader.read(65_536):
            pass


@dataclass
class Target:
    """The server under attack.

    Attributes:
        host: Where it is.
        port: Where it listens.
        source: The address that the attack comes from; None: whatever the system takes.
        seen: How often each outcome came.
        tries: Where an attack asks what must be answered: for each kind, right answers and tries.
    """

    host: str
    port: int
    source: str | None = None
    seen: Counter[str] = field(default_factory=Counter)
    tries: dict[str, list[int]] = field(default_factory=dict)

    async def open(self, receive_buffer_bytes: int = 0) -> Connection:
        """Connect.

        Args:
            receive_buffer_bytes: For a client that will not read; 0: the system's default.
        """
        made = socket.socket()
        try:
            made.setblocking(False)
            if receive_buffer_bytes:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            if self.source is not None:
                made.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                made.bind((self.source, 0))
            await asyncio.get_running_loop().sock_connect(made, (self.host, self.port))
            reader, writer = await asyncio.open_connection(sock=made, limit=receive_buffer_bytes or READ_AHEAD_BYTES)
        except BaseException:
            made.close()
            raise
        return Connection(reader, writer)

    async def stream(self, receive_buffer_bytes: int = 0) -> Connection:
        """Open a stream.

        Raises:
            ConnectionError: If it is refused.
        """
        connection = await self.open(receive_buffer_bytes)
        connection.writer.write(upgrade(b"127.0.0.1"))
        head = await connection.reader.readuntil(b"\r\n\r\n")
        self.seen[head.split(b" ", 2)[1].decode("latin-1")] += 1
        if not head.startswith(b"HTTP/1.1 101"):
            connection.writer.transport.abort()
            raise ConnectionError("The stream was refused.")
        return connection

    def tried(self, kind: str, right: bool) -> None:
        """Count a question whose answer is known."""
        count = self.tries.setdefault(kind, [0, 0])
        count[0] += right
        count[1] += 1


@asynccontextmanager
async def meanwhile(reading: Coroutine[None, None, Result]) -> AsyncIterator["asyncio.Task[Result]"]:
    """Let something go on beside the block, and end it with the block."""
    task = asyncio.create_task(reading)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask_on(target: Target, request: bytes) -> None:
    """Send one request again and again over one connection, until the server ends it; answers are read meanwhile."""
    async with await target.open() as connection:
        while True:
            connection.writer.write(request)
            status, fields, _ = await read_answer(connection.reader)
            target.seen[str(status)] += 1
            if fields.get("connection") == "close":
                return
            await connection.writer.drain()


def flood(target: Target, requests: Sequence[bytes], clients: int) -> list[Client]:
    """Return clients that repeat one request each; client i the i-th of them, going round."""

    def client(request: bytes) -> Client:
        return lambda: ask_on(target, request)

    return [client(requests[number % len(requests)]) for number in range(clients)]


async def run(target: Target, clients: Iterable[Client], seconds: float) -> None:
    """Let all clients act for so long, each anew whenever it has ended; or until all are done."""

    async def repeat(client: Client) -> None:
        while True:
            try:
                await client()
            except Done:
                return
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                target.seen["broken: " + type(error).__name__] += 1
                await asyncio.sleep(AFTER_A_FAILURE_S)

    acting = [asyncio.create_task(repeat(each)) for each in clients]
    done, late = await asyncio.wait(acting, timeout=seconds)
    while late:  # until none has swallowed it
        for each in late:
            each.cancel()
        _, late = await asyncio.wait(late, timeout=1.0)
    for each in done:
        each.result()


def upgrade(host: bytes, origin: bytes | None = None) -> bytes:
    """Return the request to open a stream."""
    said = b"" if origin is None else b"Origin: " + origin + b"\r\n"
    return (
        b"GET /detect/stream HTTP/1.1\r\nHost: " + host + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + said
        + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )  # fmt: skip


def text_frame(text: str) -> bytes:
    """Return a WebSocket message of text."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)


def binary_frame(data: bytes, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    """Return a WebSocket frame of bytes."""
    return Frame(opcode, data, fin).serialize(mask=True)
