"""How long a client may take."""

import asyncio
import sys

LEAST_TAKEN_BYTES = 32_768
"""The least of an answer that the system must take from us for a client in 30 s, or the client is given up. Without
`app.transport.unsent` it takes it in steps of up to a megabyte, and slow clients of large answers are given up, too."""


class AnswerClock:
    """Cuts the connection of a client that does not read its answer.

    Args:
        loop: Has the clock.
        transport: The connection.
        timeout_s: In this time a client must take `LEAST_TAKEN_BYTES`, or the rest.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, timeout_s: float) -> None:
        self._loop, self._transport, self._timeout_s = loop, transport, timeout_s
        self._until_cut: asyncio.TimerHandle | None = None

    def start(self, before: int = sys.maxsize) -> None:
        """Cut the connection if too little more was read, else check again later."""
        left = self._transport.get_write_buffer_size()
        if left > before - LEAST_TAKEN_BYTES:
            self._transport.abort()
            return
        self._until_cut = self._loop.call_later(self._timeout_s, self.start, left)

    def stop(self) -> None:
        """Stop it: all of the answer is on its way."""
        stop(self._until_cut)


def stop(clock: asyncio.TimerHandle | None) -> None:
    """Stop a clock, if there is one."""
    if clock is not None:
        clock.cancel()
