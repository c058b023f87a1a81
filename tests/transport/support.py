"""What the tests of connections share: a server of one ASGI application, and raw clients."""

import asyncio
import contextlib
import socket

import uvicorn
from uvicorn.server import ServerState

from app.serving.turns import Turns
from app.transport.connections import Connections
from app.transport.hosts import ALL, Hosts
from app.transport.http import ImpatientProtocol
from app.transport.proxies import Proxies

ANY_HOST = Hosts([ALL])

IMPATIENT_S = 0.2

PATIENT_S = 60.0

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"


@contextlib.asynccontextmanager
async def listening(
    app, header_timeout_s=PATIENT_S, answer_timeout_s=PATIENT_S, hosts=ANY_HOST, connections=None, turns=None
):
    """Serve an ASGI application and yield its address."""
    config, state, turns = uvicorn.Config(app, ws="none", lifespan="off"), ServerState(), turns or Turns()
    config.load()

    def protocol():
        return ImpatientProtocol(
            config=config, server_state=state, app_state={},
            connections=Connections(1000, 1000, Proxies()) if connections is None else connections, hosts=hosts,
            turns=turns, header_timeout_s=header_timeout_s, answer_timeout_s=answer_timeout_s,
        )  # fmt: skip

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()
        for _ in range(200):  # until those that their clients have closed are gone
            if not state.connections:
                break
            await asyncio.sleep(0.01)


async def finish(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def refuse(_scope, _receive, send):
    """Answer without a look at the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def answer_at_once(_scope, receive, send):
    """Read the body and tell its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    text = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


async def all_that_comes(reader):
    """Read until the server closes."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 30)
    return b""


async def answer_to(sent):
    """Send raw bytes to a server and return what it answers until it closes."""
    async with listening(answer_at_once) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        answer = await all_that_comes(reader)
        await finish(writer)
    return answer


UPGRADE = (
    b"GET /detect/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)

MASK = bytes(4)

PONG, PING = b"\x8a\x80" + MASK, b"\x89\xfd" + MASK + bytes(125)

OPENING, CONTINUATION, LAST = b"\x01\x80" + MASK, b"\x00\x80" + MASK, b"\x80\x80" + MASK


@contextlib.contextmanager
def connected(server, sent):
    with socket.create_connection(server.server.servers[0].sockets[0].getsockname(), timeout=30) as connection:
        connection.sendall(sent)
        yield connection


def rest_of(connection):
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            received += part
    return received
