"""Whether the server could listen, asked before the networks are loaded, and how it listens."""

import asyncio
import os
import socket
from collections.abc import Callable

ACCEPTED_A_TURN = 16
"""Connections that are accepted in a turn of the event loop, where it accepts one for each socket that listens."""


def why_not_to_listen(host: str, port: int) -> str | None:
    """Return what keeps the server from an address, in words for its user; None if nothing does.

    Args:
        host: As in `MIEN_HOST`.
        port: As in `MIEN_PORT`; 0 is always free.
    """
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"MIEN_HOST or --host: {host!r} is no address of this machine ({error.strerror})."
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio sets it
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return f"Cannot listen on {host}, port {port} ({error.strerror}): choose another with --port or --host."
    return None


async def listen_often(
    listener: socket.socket, make: Callable[[], asyncio.Protocol], backlog: int
) -> list[asyncio.Server]:
    """Listen at a socket several times more, so that several connections are accepted in a turn of the event loop.

    Args:
        listener: Listens already; its queue is shared.
        make: Makes a connection's protocol.
        backlog: As its own: whoever listens last says how many connections may wait.

    References:
        libuv 1.45, "don't accept() connections in a loop": hundreds of connections that come at once are accepted in
        as many turns, and whoever comes next waits for them all.
    """
    loop = asyncio.get_running_loop()
    copies = [socket.socket(fileno=os.dup(listener.fileno())) for _ in range(ACCEPTED_A_TURN - 1)]
    return [await loop.create_server(make, sock=each, backlog=backlog) for each in copies]
