"""uvicorn with a goodbye for open streams."""

import socket

import uvicorn

from app.api.stream_sessions import Streams


class StreamingServer(uvicorn.Server):
    """A server that ends its streams by itself before uvicorn would cut them off, unanswered and with code 1012.

    Args:
        config: uvicorn's.
        streams: The sessions of the application.
        patience_s: Longest time to answer what they sent so far.
    """

    def __init__(self, config: uvicorn.Config, streams: Streams, patience_s: float) -> None:
        super().__init__(config)
        self._streams, self._patience_s = streams, patience_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the streams, say 1001, then stop as uvicorn does."""
        await self._streams.close(self._patience_s)
        await super().shutdown(sockets)
