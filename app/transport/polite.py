"""A connection that ends with an answer, while its client may still be sending."""

import asyncio
from collections.abc import Callable
from typing import Any

DISCARD_S, MAX_DISCARDED_BYTES = 10.0, 256_000_000
"""Of a body whose request is answered already: so long and so much is read and dropped."""


class PoliteTransport:
    """A connection as a request's cycle sees it: closing it is left to the protocol.

    Args:
        transport: The connection.
        close: Called in the place of its own.
    """

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport, self.close = transport, close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Discarded:
    """What was read and dropped.

    Args:
        transport: Closed once it is too much or takes too long.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._bytes = transport, 0

    def count(self, size_bytes: int) -> None:
        """Note some more."""
        self._bytes += size_bytes
        if self._bytes > MAX_DISCARDED_BYTES:
            self._transport.close()
