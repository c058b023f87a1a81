"""What a stream's client sends: read at a bounded pace, counted, and put into the queue of what is to be answered."""

import asyncio

from fastapi import WebSocket
from pydantic import BaseModel

from app.api.deps import Services
from app.api.guards.client import client_of
from app.api.stream.messages import (
    FrameError,
    SessionError,
    SessionReset,
    SessionUpdated,
    SessionWasReset,
    StreamSettings,
    parse_text,
    problem_fields,
)
from app.api.stream.sessions import Ending
from app.api.wire.attributes import check_loaded
from app.errors import InvalidRequest, MienError, Overloaded, PayloadTooLarge
from app.serving.frames import Dropped, Frame, FrameQueue, FrameRate, Pace

TEXTS_PER_S, TEXTS_AT_ONCE = 5.0, 10
"""Text messages are read no faster: each costs a millisecond, and a client sends a few in a session."""

READ_AHEAD = 10
"""So many times the allowed rate frames are read, and answered as dropped; a faster client is slowed down by TCP."""


class Intake:
    """Reads one client's messages.

    Args:
        websocket: An accepted connection.
        services: Limits, and the budget of bytes.
        queue: Gets what is to be answered.

    Attributes:
        settings: What the client has chosen so far.
        can_smooth: Whether probabilities can be smoothed here.
    """

    def __init__(self, websocket: WebSocket, services: Services, queue: FrameQueue[BaseModel]) -> None:
        self._websocket, self._queue, self._metrics = websocket, queue, services.metrics
        self._limits, self._client = services.streams.limits, client_of(websocket.scope)
        self._engine, self._body_bytes = services.engine, services.engine.admission.body_bytes
        self.can_smooth = self._limits.tracking and self._limits.smoothing_s > 0
        self.settings = StreamSettings(smoothing=self.can_smooth)
        frames_per_s = self._limits.max_frames_per_second
        self._rate = FrameRate(frames_per_s)
        self._frame_pace = Pace(READ_AHEAD * frames_per_s, READ_AHEAD * max(1.0, frames_per_s))
        self._text_pace = Pace(TEXTS_PER_S, TEXTS_AT_ONCE)
        self._received = 0

    async def read(self) -> Ending | None:
        """Take messages until there is a reason to end, which is returned; None if the client has left."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + self._limits.idle_timeout_s
        while True:
            try:
                async with asyncio.timeout_at(patience):
                    message = await self._websocket.receive()
                    if message.get("text") is not None:
                        await asyncio.sleep(self._text_pace.wait_s(loop.time()))
            except TimeoutError:
                return Ending(1008, f"No frame for {self._limits.idle_timeout_s:g} s.")
            if message["type"] == "websocket.disconnect":
                return None
            payload = message.get("bytes")
            if payload is None:
                await self._queue.put(self._take_text(message.get("text") or ""))
                continue
            if (ending := await self._take_frame(payload)) is not None:
                return ending
            await asyncio.sleep(self._frame_pace.wait_s(loop.time()))
            patience = (
                loop.time() + self._limits.idle_timeout_s
            )  # only a frame renews it: text would keep a place for ever

    async def _take_frame(self, payload: bytes) -> Ending | None:
        seq, at_s = self._received, asyncio.get_running_loop().time()
        self._received += 1
        if len(payload) > self._limits.max_frame_bytes:
            message = f"The frame has {len(payload):,} bytes; at most {self._limits.max_frame_bytes:,} are read."
            await self._refuse(seq, PayloadTooLarge(message))
            return Ending(1009, message)
        if not self._rate.admits(at_s):
            await self._queue.put(Dropped(seq, "rate"))
            return None
        try:
            held = self._body_bytes.take(self._client, len(payload))
        except Overloaded as error:
            await self._refuse(seq, error)
            return None
        frame = Frame(seq, payload, at_s)
        held.count_while_alive(frame, held.amount)
        await self._queue.put(frame)
        return None

    async def _refuse(self, seq: int, error: MienError) -> None:
        self._metrics.stream_frame("failed")
        self._metrics.rejected(error.code)
        await self._queue.put(FrameError(seq=seq, **problem_fields(error)))

    def _take_text(self, text: str) -> SessionUpdated | SessionWasReset | SessionError:
        try:
            message = parse_text(text)
            if isinstance(message, SessionReset):
                return SessionWasReset()
            given = {name: getattr(message, name) for name in message.model_fields_set - {"type"}}
            settings = self.settings.model_copy(update=given)
            if self._received:
                raise InvalidRequest("Settings can be changed only before the first frame; open a new session.")
            if settings.smoothing and not self.can_smooth:
                raise InvalidRequest("Smoothing is switched off on this server.")
            check_loaded(settings.attributes, self._engine.manifest.further)
        except InvalidRequest as error:
            return SessionError(**problem_fields(error))
        self.settings = settings
        return SessionUpdated(settings=settings)
