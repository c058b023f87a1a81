"""What a client sends is parsed a slice at a time, and others have their turn between two slices."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from app.serving.turns import Turns

SLICE_BYTES = 4_096
"""At most 682 chunks: about 1 ms."""


class HeldFlow(FlowControl):
    """Uvicorn's flow control, and a second reason not to read: slices that wait for their turn.

    An answer that its client has to take first goes on in a turn of this client, too.

    Args:
        transport: The connection.
        turns: Say when the next part of an answer may be written.
        client: Whose turn it must be.
    """

    def __init__(self, transport: asyncio.Transport, turns: Turns, client: str) -> None:
        super().__init__(transport)
        self._reading, self._held = transport, False
        self._turns, self._client = turns, client

    async def drain(self) -> None:
        """Wait until the client's system has taken all that was written, and then for a turn of the client."""
        await super().drain()
        await self._turns.wait(self._client)

    def hold(self) -> None:
        """Read no more until `release`."""
        if not self._held and not self.read_paused:
            self._reading.pause_reading()
        self._held = True

    def release(self) -> None:
        """Read on, unless Uvicorn does not want to."""
        if self._held and not self.read_paused:
            self._reading.resume_reading()
        self._held = False

    def pause_reading(self) -> None:
        """As Uvicorn's."""
        if self._held:
            self.read_paused = True
        else:
            super().pause_reading()

    def resume_reading(self) -> None:
        """As Uvicorn's, but what is held stays so."""
        if self._held:
            self.read_paused = False
        else:
            super().resume_reading()


class Inbox:
    """What one connection has received and not parsed yet; while there is any, its client is not read from.

    Args:
        turns: Say when the next slice may be parsed.
        client: Whose turns these are.
        flow: Held in the meantime.
        parse: Takes one slice.
        slice_bytes: Says how large the next one may be.
        hurries: Says whether what has come need not wait for the client's turn.
    """

    def __init__(
        self,
        turns: Turns,
        client: str,
        flow: HeldFlow,
        parse: Callable[[bytes], None],
        slice_bytes: Callable[[], int],
        hurries: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self._turns, self._client, self._flow = turns, client, flow
        self._parse, self._slice_bytes, self._hurries = parse, slice_bytes, hurries
        self._rest = b""
        self._waits = False

    def put(self, data: bytes) -> None:
        """Parse a slice now or when it is the client's turn, and the others in its next turns."""
        self._rest += data
        if not self._waits:
            self._wait()

    def drop(self) -> None:
        """Forget what is left."""
        self._rest, self._waits = b"", False

    def _wait(self) -> None:
        self._waits = True
        self._turns.take(self._client, self._take, hurry=self._hurries(self._rest))
        if self._waits:
            self._flow.hold()

    def _take(self) -> None:
        if not self._waits:  # it was dropped
            return
        self._waits = False
        self._parse_slice()
        if self._rest and self._slice_bytes() > SLICE_BYTES:  # the head's body, which costs one call more
            self._parse_slice()
        if self._rest:
            self._wait()
        else:
            self._flow.release()

    def _parse_slice(self) -> None:
        size = self._slice_bytes()
        data, self._rest = self._rest[:size], self._rest[size:]
        self._parse(data)
