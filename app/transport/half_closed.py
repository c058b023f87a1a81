"""A client that sends no more may still want its answer, or have left; the system tells only whoever sends to it."""

import asyncio
import os
import socket
from typing import Any

FIRST_LOOK_S, LOOKS_S = 0.05, 0.5
"""When to look whether the client has left: its system says so within one round trip."""

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Allowed at any time before an answer: RFC 9110, section 15.2. HTTP/1.0 knows none."""


class Departure:
    """Finds out whether a client that half-closed its connection has left, and then ends the connection.

    Args:
        loop: Has the clock.
        transport: The connection.
        answering: Uvicorn's cycle of the request in work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, answering: Any) -> None:
        self._loop, self._transport, self._answering = loop, transport, answering
        if answering.scope["http_version"] == "1.1" and not answering.response_started:
            transport.write(INTERIM)
            loop.call_later(FIRST_LOOK_S, self._look)

    def _look(self) -> None:
        if self._transport.is_closing() or self._answering.response_complete:
            return
        if _was_reset(self._transport):
            self._transport.abort()
        else:
            self._loop.call_later(LOOKS_S, self._look)


def _was_reset(transport: asyncio.Transport) -> bool:
    """Whether the other side's system refused what was sent; a reset is told once, so nothing is sent afterwards."""
    descriptor = transport.get_extra_info("socket").fileno()
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
