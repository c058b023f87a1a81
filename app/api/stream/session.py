"""WS /detect/stream: frames in, faces out; docs/api.md describes the protocol."""

import asyncio
import io
import logging
import uuid
from collections.abc import Coroutine

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from app.api.deps import Services, ServicesDep
from app.api.guards.client import client_of
from app.api.stream.messages import (
    FrameDropped,
    FrameError,
    FrameResult,
    SessionCreated,
    SessionError,
    SessionLimits,
    SessionUpdated,
    StreamSettings,
    frame_result,
    parse_update,
    problem_fields,
)
from app.api.stream.sessions import GOING_AWAY, Ending
from app.api.wire.problems import log_failure
from app.api.wire.schemas import model_names
from app.errors import InvalidRequest, MienError, PayloadTooLarge
from app.faces.annotate import annotate_image
from app.faces.types import ImageFaces
from app.pictures.types import Image
from app.serving.frames import Dropped, Frame, FrameQueue, FrameRate
from app.tracks.follow import LiveFaces

SEND_TIMEOUT_S = 30.0
"""A client that takes nothing for so long is given up."""

JPEG_QUALITY, JPEG_MAX_SIDE_PX = 85, 65_500
"""The largest side is libjpeg's."""

logger = logging.getLogger(__name__)
router = APIRouter()


@router.websocket("/detect/stream")
async def detect_stream(websocket: WebSocket, services: ServicesDep) -> None:
    """Answer the frames of one client until either side ends the session."""
    session = StreamSession(websocket, services)
    try:
        await websocket.accept()
        origin, host = websocket.headers.get("origin"), websocket.headers.get("host")
        with services.streams.place(session, session.client, origin, host) as refusal:
            if refusal is None:
                await session.run()
            else:
                await websocket.close(refusal.code, refusal.reason)
    except* (WebSocketDisconnect, OSError):  # OSError: TimeoutError, and what Uvicorn raises while the stream opens
        logger.debug("stream %s: the client vanished", session.session_id)


class StreamSession:
    """One client's stream: one task reads messages, another answers them in order.

    Args:
        websocket: An accepted connection.
        services: Engine and limits.
    """

    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self.session_id, self.client = uuid.uuid4().hex, client_of(websocket.scope)
        self._websocket, self._engine, self._limits = websocket, services.engine, services.streams.limits
        self._metrics = services.metrics
        self._can_smooth = self._limits.tracking and self._limits.smoothing_s > 0
        self._settings = StreamSettings(smoothing=self._can_smooth)
        self._queue: FrameQueue[BaseModel] = FrameQueue()
        self._rate = FrameRate(self._limits.max_frames_per_second)
        self._received = 0
        self._live: LiveFaces | None = None
        self._reader: asyncio.Task[Ending | None] | None = None
        self._stopping = False

    async def run(self) -> None:
        """Serve until the client leaves or the session ends; frames received are answered before an orderly close.

        Raises:
            ExceptionGroup: Of WebSocketDisconnect or TimeoutError, if the client vanished while being answered.
        """
        async with asyncio.TaskGroup() as group:
            await self._send(self._created())
            writer = group.create_task(self._write())
            self._reader = group.create_task(self._read())
            if self._stopping:
                self._reader.cancel()
            await asyncio.wait({self._reader})
            ending = GOING_AWAY if self._reader.cancelled() else self._reader.result()
            if ending is None:
                writer.cancel()
                return
            await self._queue.close()
            await writer
            await self._say(self._websocket.close(ending.code, ending.reason))

    def stop(self) -> None:
        """Stop reading; answer what was received, then close with "going away"."""
        self._stopping = True
        if self._reader is not None:
            self._reader.cancel()

    def _created(self) -> SessionCreated:
        limits = SessionLimits(
            max_frame_bytes=self._limits.max_frame_bytes,
            max_frames_per_second=self._limits.max_frames_per_second,
            max_pixels=self._engine.limits.max_pixels,
            idle_timeout_s=self._limits.idle_timeout_s,
        )
        names = model_names(self._engine.manifest)
        return SessionCreated(session_id=self.session_id, limits=limits, settings=self._settings, model=names)

    async def _read(self) -> Ending | None:
        """Take messages until there is a reason to end, which is returned; None if the client has left."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + self._limits.idle_timeout_s
        while True:
            try:
                async with asyncio.timeout_at(patience):
                    message = await self._websocket.receive()
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
            patience = (
                loop.time() + self._limits.idle_timeout_s
            )  # only a frame renews it: text would keep a place for ever

    async def _take_frame(self, payload: bytes) -> Ending | None:
        seq, at_s = self._received, asyncio.get_running_loop().time()
        self._received += 1
        if len(payload) > self._limits.max_frame_bytes:
            message = f"The frame has {len(payload):,} bytes; at most {self._limits.max_frame_bytes:,} are read."
            await self._queue.put(FrameError(seq=seq, **problem_fields(PayloadTooLarge(message))))
            return Ending(1009, message)
        within_rate = self._rate.admits(at_s)
        await self._queue.put(Frame(seq, payload, at_s) if within_rate else Dropped(seq, "rate"))
        return None

    def _take_text(self, text: str) -> SessionUpdated | SessionError:
        try:
            settings = parse_update(text, self._settings)
            if self._received:
                raise InvalidRequest("Settings can be changed only before the first frame; open a new session.")
            if settings.smoothing and not self._can_smooth:
                raise InvalidRequest("Smoothing is switched off on this server.")
        except InvalidRequest as error:
            return SessionError(**problem_fields(error))
        self._settings = settings
        return SessionUpdated(settings=settings)

    async def _write(self) -> None:
        """Answer what is waiting, one by one, so that a session never holds more than one place in the engine."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Frame):
                await self._answer(item)
            elif isinstance(item, Dropped):
                self._metrics.stream_frame("dropped")
                await self._send(FrameDropped(seq=item.seq, reason=item.reason))
            else:
                await self._send(item)

    async def _answer(self, frame: Frame) -> None:
        try:
            asked = (frame.payload, self._settings.to_options(), self._engine.deadline(), self.client)
            image = None
            if self._settings.annotate:
                found, image = await self._engine.detect_and_keep(*asked)
            else:
                found = await self._engine.detect(*asked)
            result, picture = await asyncio.to_thread(self._finish, frame, found, image)
            image = None  # the client may take its time to read, and the picture's memory is counted
        except MienError as error:
            log_failure(error)
            await self._refuse(frame, error)
        except Exception:
            logger.exception("stream %s: frame %d failed", self.session_id, frame.seq)
            message = f"An unexpected error happened; it was logged under session {self.session_id}."
            await self._refuse(frame, MienError(message))
        else:
            self._metrics.stream_frame("answered")
            await self._send(result)
            if picture is not None:
                await self._send(picture)

    async def _refuse(self, frame: Frame, error: MienError) -> None:
        self._metrics.stream_frame("failed")
        self._metrics.rejected(error.code)
        await self._send(FrameError(seq=frame.seq, **problem_fields(error)))

    def _finish(self, frame: Frame, found: ImageFaces, image: Image | None) -> tuple[FrameResult, bytes | None]:
        """Track the faces and draw them; on a thread, since crowds and pictures take milliseconds."""
        if self._live is None:
            self._live = LiveFaces(self._limits.tracking, self._limits.smoothing_s if self._settings.smoothing else 0.0)
        found = self._live.follow(found, frame.at_s)
        picture = None if image is None else _draw(image, found)
        names = model_names(self._engine.manifest)
        return frame_result(frame.seq, found, names, annotated=picture is not None), picture

    async def _send(self, message: BaseModel | bytes) -> None:
        """Send a message.

        Raises:
            WebSocketDisconnect: If the client is gone.
            TimeoutError: If it does not read.
        """
        if isinstance(message, bytes):
            await self._say(self._websocket.send_bytes(message))
        else:
            await self._say(self._websocket.send_text(message.model_dump_json()))

    async def _say(self, sending: Coroutine[None, None, None]) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            try:
                await sending
            except RuntimeError as error:  # The server has closed by itself, say after an unanswered ping.
                raise WebSocketDisconnect(1006) from error


def _draw(image: Image, found: ImageFaces) -> bytes:
    if max(image.shape) > JPEG_MAX_SIDE_PX:
        raise PayloadTooLarge(f"Annotated pictures are JPEGs, of at most {JPEG_MAX_SIDE_PX:,} pixels per side.")
    buffer = io.BytesIO()
    annotate_image(image, found).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
