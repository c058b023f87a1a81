"""Uvicorn's WebSocket connections, bounded: frames that flood in, refused requests, and the time after a session."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.errors import MalformedRequest
from app.transport.http import MAX_AHEAD_BYTES
from app.transport.refusal import refusal

MAX_FRAMES_PER_S = 1000
"""Of a WebSocket: messages, their fragments, pings and pongs; all are taken apart in Python."""

SLICE_BYTES = 4096
"""So much is read of a WebSocket before its frames are counted: at most 683 of them."""

FAREWELL_S = 15.0
"""From the end of a stream's session to the end of its connection; Uvicorn's closing handshake may take 10 s of it."""

POLICY_VIOLATION = 1008


class ImpatientWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is closed if frames flood in, if its request is refused, and some time after its session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counting_since, self._frames = self.loop.time(), 0
        self._bytes_after_close = 0

    def data_received(self, data: bytes) -> None:
        """Read the request, which comes as a whole, or some frames at a time."""
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:
                self._refuse()
            return
        if not self.handshake_complete:  # nothing is to come before our answer: RFC 6455, section 4.1
            self.transport.abort()
            return
        if self.close_sent:
            self._bytes_after_close += len(data)
            if self._bytes_after_close > MAX_AHEAD_BYTES:
                self.conn.reader.discard()
                self.frames.clear()
                return
        for start in range(0, len(data), SLICE_BYTES):
            super().data_received(data[start : start + SLICE_BYTES])
            if self.transport.is_closing():
                return
            if self._frames > MAX_FRAMES_PER_S:
                self._fail(f"More than {MAX_FRAMES_PER_S:,} frames in a second.")
                return

    def handle_events(self) -> None:
        """Count the frames of this second."""
        now = self.loop.time()
        if now - self._counting_since >= 1:
            self._counting_since, self._frames = now, 0
        self._frames += len(self.conn.events)
        super().handle_events()

    def shutdown(self) -> None:
        """End the session, unless it ends already; the library allows no second end."""
        if not self.transport.is_closing():
            super().shutdown()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Give the remaining data some time to be sent."""
        super().on_task_complete(task)
        self.loop.call_later(FAREWELL_S, self.transport.abort)

    def _refuse(self) -> None:
        """Send the library's refusal, which Uvicorn keeps; or ours, where it has none."""
        answer = b"".join(self.conn.data_to_send())
        self.transport.write(answer or refusal(MalformedRequest("This is not a request to open a WebSocket.")))
        self.transport.close()

    def _fail(self, reason: str) -> None:
        self.conn.fail(POLICY_VIOLATION, reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
