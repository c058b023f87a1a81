"""Uvicorn's WebSocket connections, bounded: frames that flood in, messages without an end, refused requests, farewells.

A message is handed to the application only when the one before was taken, and a few frames at a time are parsed: so a
client's frames cost the event loop no more than some tenths of a millisecond in a turn, however many have arrived.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.api.guards.client import client_of
from app.errors import MalformedRequest, Overloaded
from app.serving.budget import Budget, Hold
from app.serving.turns import Turns
from app.transport.connections import Connections
from app.transport.departed import unless_departed
from app.transport.frames import FrameHead, FrameWalk
from app.transport.http import MAX_AHEAD_BYTES
from app.transport.openings import StreamRates, at_a_pace
from app.transport.refusal import refusal

MAX_FRAMES_PER_S = 1000
"""Of a WebSocket: messages, their fragments, pings and pongs; all are taken apart in Python."""

MAX_CONTROL_PER_S = 20
"""Pings and pongs of a WebSocket; clients send one in some seconds."""

FRAMES_A_TURN = 16
"""So many frames are parsed before other connections have their turn."""

UNCOUNTED_BYTES = 65_536
"""So much of unfinished messages is as good as nothing: what arrives at once."""

MAX_TEXT_BYTES = 65_536
"""Longer text is not even told why; what the application understands is far shorter."""

FAREWELL_S = 15.0
"""From the end of a stream's session to the end of its connection; Uvicorn's closing handshake may take 10 s of it."""

INVALID_DATA, POLICY_VIOLATION, MESSAGE_TOO_BIG, TRY_AGAIN_LATER = 1007, 1008, 1009, 1013


class ImpatientWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose client sends whole messages in time, takes what it is sent, and leaves when it is over.

    Args:
        connections: All of the server; this one is known there.
        turns: In which the frames of clients are parsed.
        body_bytes: Counts what has arrived and was not taken by the application.
        message_timeout_s: Longest time from the first byte of a message to its last.
        rates: Count the frames and the streams of each client over its connections.
    """

    def __init__(
        self,
        *args: Any,
        connections: Connections,
        turns: Turns,
        body_bytes: Budget,
        message_timeout_s: float,
        rates: StreamRates,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.app = unless_departed(at_a_pace(self.app, self, connections, rates.openings), self)
        self._all, self._turns = connections, turns
        self._body_bytes, self._message_timeout_s, self._frame_counts = body_bytes, message_timeout_s, rates.frames
        self._walk, self._unparsed = FrameWalk(), b""
        self._counting_since, self._frames, self._control_frames = self.loop.time(), 0, 0
        self._bytes_to_take = self._bytes_after_close = 0
        self._hold: Hold | None = None
        self._until_whole: asyncio.TimerHandle | None = None

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
                self._forget_unfinished()
                return
        self._unparsed += data
        self._parse_in_turn()

    def send_receive_event_to_app(self) -> None:
        """Hand over a message that is whole; text must be UTF-8, and short."""
        size = sum(map(len, self.frames))
        self._stop_waiting()
        if self.curr_msg_data_type == "text" and (fault := _fault_of_text(self.frames)) is not None:
            self._fail(*fault)
            return
        self.frames = [bytes(b"".join(self.frames))] if isinstance(self.frames[0], bytearray) else self.frames
        super().send_receive_event_to_app()
        self._bytes_to_take += 0 if self.close_sent else size

    def handle_cont(self, event: Any) -> None:
        """Join a fragment to those before: many small ones would take far more memory than their bytes."""
        if not self.frames or not isinstance(self.frames[0], bytearray):
            self.frames = [bytearray().join(self.frames)]  # type: ignore[list-item]  # it is made bytes when whole
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    async def receive(self) -> Any:
        """Return the next message, then go on reading."""
        message = await self.queue.get()
        if self.queue.empty():
            self._bytes_to_take = 0
            if self.read_paused:
                self.read_paused = False
                self._parse_in_turn()
        self._count_bytes()
        return message

    async def send(self, message: Any) -> None:
        """Send a message, and return when the client's system has taken nearly all of it."""
        await super().send(message)
        if message["type"] == "websocket.send":
            await self.writable.wait()
        elif message["type"] == "websocket.close":  # the client's own may be among what was not parsed
            self.loop.call_soon(self._parse)

    def shutdown(self) -> None:
        """End the session, unless it ends already; the library allows no second end."""
        if not self.transport.is_closing():
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep nothing of what was unfinished."""
        self._all.closed(self.transport)
        super().connection_lost(exc)
        self._forget_unfinished()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Give the remaining data some time to be sent."""
        super().on_task_complete(task)
        self.loop.call_later(FAREWELL_S, self.transport.abort)

    def _parse_in_turn(self) -> None:
        self.transport.pause_reading()  # until the client has its turn
        self._turns.take(self._client(), self._parse)

    def _parse(self) -> None:
        """Parse what has come, up to the end of a message or of this connection's turn; then read on, or wait."""
        data, self._unparsed = self._unparsed, b""
        start, turn = 0, FRAMES_A_TURN
        while start < len(data) and turn and not (self.read_paused or self.transport.is_closing()):
            end, frame = self._walk.to_end(data, start)
            if frame is not None and (fault := self._count(frame)) is not None:
                self._fail(POLICY_VIOLATION, fault)
                return
            super().data_received(data[start:end])
            start, turn = end, turn - (frame is not None)
        if self.transport.is_closing():
            self._forget_unfinished()
            return
        self._unparsed = data[start:]
        if not self.read_paused and not self._unparsed:
            self.transport.resume_reading()
        elif not self.read_paused:
            self._parse_in_turn()
        self._count_bytes()

    def _count(self, frame: FrameHead) -> str | None:
        """Count a frame of this second; return what is wrong if it is one too many."""
        now = self.loop.time()
        if now - self._counting_since >= 1:
            self._counting_since, self._frames, self._control_frames = now, 0, 0
        self._frames += 1
        self._control_frames += frame.control
        if self._control_frames > MAX_CONTROL_PER_S:
            return f"More than {MAX_CONTROL_PER_S} pings and pongs in a second."
        if self._frames > MAX_FRAMES_PER_S:
            return f"More than {MAX_FRAMES_PER_S:,} frames in a second."
        if not self._frame_counts.admits(self._client()):
            return f"More frames than {self._frame_counts.per_second:,.0f} in a second over all your streams."
        return None

    def _count_bytes(self) -> None:
        """Hold what has arrived and was not taken, and give an unfinished message some time, while it is waited for."""
        unfinished = len(self.conn.reader.buffer) + sum(map(len, self.frames))
        held = unfinished + len(self._unparsed) + self._bytes_to_take
        if self._hold is None:
            self._hold = self._body_bytes.empty(self._client())
        try:
            self._hold.adjust(held if held > UNCOUNTED_BYTES else 0)
        except Overloaded as error:
            self._fail(TRY_AGAIN_LATER, str(error))
            return
        if not unfinished or self.read_paused:
            self._stop_waiting()
        elif self._until_whole is None:
            self._until_whole = self.loop.call_later(self._message_timeout_s, self._give_up)

    def _client(self) -> str:
        scope: Any = self.scope
        return client_of(scope)

    def _give_up(self) -> None:
        self._fail(POLICY_VIOLATION, f"A message was not complete after {self._message_timeout_s:g} s.")

    def _stop_waiting(self) -> None:
        if self._until_whole is not None:
            self._until_whole.cancel()
            self._until_whole = None

    def _forget_unfinished(self) -> None:
        self._stop_waiting()
        self._unparsed = b""
        self.frames = []
        self.conn.reader.discard()
        if self._hold is not None:
            self._hold.release()

    def _refuse(self) -> None:
        """Send the library's refusal, which Uvicorn keeps; or ours, where it has none."""
        answer = b"".join(self.conn.data_to_send())
        self.transport.write(answer or refusal(MalformedRequest("This is not a request to open a WebSocket.")))
        self.transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Close at once, and say why, unless that was said already."""
        self._forget_unfinished()
        if self.close_sent:
            self.transport.abort()
            return
        self.conn.fail(code, reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()


def _fault_of_text(frames: list[bytes]) -> tuple[int, str] | None:
    """Return how to close over a text message that cannot be one."""
    if sum(map(len, frames)) > MAX_TEXT_BYTES:
        return MESSAGE_TOO_BIG, "Text messages are short; frames go as binary messages."
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return INVALID_DATA, "A text message is not UTF-8."
    return None
