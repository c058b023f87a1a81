"""What a client sends is parsed a slice at a time, and others have their turn between two slices."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

SLICE_BYTES = 4_096
"""At most 682 chunks: about 1 ms."""


class HeldFlow(FlowControl):
    """Uvicorn's flow control, and a second reason not to read: slices that wait for their turn."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._reading, self._held = transport, False

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
        loop: Calls for the next slice.
        flow: Held in the meantime.
        parse: Takes one slice.
        slice_bytes: Says how large the next one may be.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        flow: HeldFlow,
        parse: Callable[[bytes], None],
        slice_bytes: Callable[[], int],
    ) -> None:
        self._loop, self._flow, self._parse, self._slice_bytes = loop, flow, parse, slice_bytes
        self._rest = b""
        self._next: asyncio.Handle | None = None

    def put(self, data: bytes) -> None:
        """Parse a slice now, and the others when the event loop comes round again."""
        self._rest += data
        if self._next is None:
            self._take()

    def drop(self) -> None:
        """Forget what is left."""
        self._rest = b""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _take(self) -> None:
        self._next = None
        size = self._slice_bytes()
        data, self._rest = self._rest[:size], self._rest[size:]
        self._parse(data)
        if self._rest:
            self._flow.hold()
            self._next = self._loop.call_soon(self._take)
        else:
            self._flow.release()
