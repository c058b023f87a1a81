"""A client that asked for a WebSocket and left before it was answered: nothing failed."""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected


def unless_departed(app: ASGIApp, protocol: Any) -> ASGIApp:
    """Return an application whose silence is Uvicorn's `ClientDisconnected`, and no error, if its connection ends.

    Args:
        app: Ends without an answer when its client is gone.
        protocol: The connection, which knows whether it is, and whether it was answered.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if protocol.transport.is_closing() and not protocol.handshake_complete:
            raise ClientDisconnected

    return answer
