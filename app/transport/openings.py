"""How fast a client may open streams: each costs two milliseconds before its first frame."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from app.transport.buckets import LeakyBuckets
from app.transport.connections import Connections

OPENINGS_PER_S, LEAST_AT_ONCE = 10.0, 20
"""Of one client, in the long run; as many at once as it may have streams, or so many at least."""

LONGEST_S = 60.0
"""Nobody waits longer for an opening, however many of a client's do."""


@dataclass(frozen=True)
class StreamRates:
    """What is counted of the streams of each client.

    Attributes:
        frames: WebSocket frames.
        openings: Streams that are opened.
    """

    frames: LeakyBuckets
    openings: LeakyBuckets


def openings_of(max_sessions: int) -> LeakyBuckets:
    """Return the buckets for clients that may have so many streams."""
    return LeakyBuckets(OPENINGS_PER_S, max(LEAST_AT_ONCE, max_sessions))


def at_a_pace(app: ASGIApp, protocol: Any, connections: Connections, openings: LeakyBuckets) -> ASGIApp:
    """Return an application that answers a stream's request when it is within the rate of its client.

    Args:
        app: Answers it.
        protocol: The connection.
        connections: Know whose it is; one of a proxy is a client of its own.
        openings: Count the streams of each client.

    Raises:
        ClientDisconnected: If the client leaves meanwhile.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        whose = connections.whose(protocol.transport, protocol.client[0] if protocol.client else None)
        if wait_s := min(LONGEST_S, openings.wait_s(whose, LONGEST_S)):
            await asyncio.sleep(wait_s)
            if protocol.transport.is_closing():
                raise ClientDisconnected
        await app(scope, receive, send)

    return answer
