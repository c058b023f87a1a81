"""WS /detect/stream: frames in, faces out; docs/api.md describes the protocol."""

import asyncio
import logging
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from app.api.deps import Services, ServicesDep
from app.api.guards.client import client_of
from app.api.stream.intake import Intake
from app.api.stream.messages import (
    FrameDropped,
    FrameError,
    SessionCreated,
    SessionLimits,
    SessionWasReset,
    frame_result,
    problem_fields,
)
from app.api.stream.sessions import GOING_AWAY, Ending
from app.api.wire.mistakes import base64_in, slip_in
from app.api.wire.problems import log_failure
from app.api.wire.schemas import model_names
from app.errors import MienError
from app.faces.annotate import draw_jpeg
from app.faces.types import ImageFaces
from app.pictures.types import Image
from app.serving.frames import Dropped, Frame, FrameQueue
from app.serving.looks import FrameLooks
from app.tracks.follow import LiveFaces

SEND_TIMEOUT_S = 30.0
"""A client that takes nothing for so long is given up."""

JPEG_QUALITY = 85
"""Of annotated frames."""

FACES_AT_ONCE = 32
"""Faces that are followed on the event loop; a larger crowd takes milliseconds, and goes to a thread."""

logger = logging.getLogger(__name__)
router = APIRouter()


@router.websocket("/detect/stream")
async def detect_stream(websocket: WebSocket, services: ServicesDep) -> None:
    """Answer the frames of one client until either side ends the session."""
    session = StreamSession(websocket, services)
    try:
        await websocket.accept()
        with services.streams.place(session, session.client) as refusal:
            if refusal is None:
                await session.run()
            else:
                await websocket.close(refusal.code, refusal.reason)
    except* (WebSocketDisconnect, OSError):  # OSError: TimeoutError, and what Uvicorn raises while the stream opens
        logger.debug("stream %s: the client vanished", session.session_id)


@router.api_route("/detect/stream", methods=["GET", "POST"], include_in_schema=False)
async def tell_protocol() -> None:
    """Tell who comes by HTTP alone that this is a WebSocket."""
    raise HTTPException(
        HTTPStatus.UPGRADE_REQUIRED,
        "this is a WebSocket; connect to it with ws:// or wss:// and send pictures as binary messages, as the "
        "introduction at /docs and docs/api.md, section Live, describe",
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    )


class StreamSession:
    """One client's stream: one task reads messages, another answers them in order.

    Args:
        websocket: An accepted connection.
        services: Engine and limits.
    """

    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self.session_id, self.client = uuid.uuid4().hex, client_of(websocket.scope)
        self._websocket, self._engine, self._streams = websocket, services.engine, services.streams
        self._limits, self._metrics = services.streams.limits, services.metrics
        self._queue: FrameQueue[BaseModel] = FrameQueue()
        self._intake = Intake(websocket, services, self._queue)
        self._live: tuple[LiveFaces, FrameLooks] | None = None
        self._reader: asyncio.Task[Ending | None] | None = None
        self._stopping = False

    async def run(self) -> None:
        """Serve until the client leaves or the session ends; frames received are answered before an orderly close.

        Raises:
            ExceptionGroup: Of WebSocketDisconnect or TimeoutError, if the client vanished while being answered.
        """
        try:
            await self._serve()
        except BaseExceptionGroup as vanished:
            raise vanished.with_traceback(None) from None  # it leads to a frame that leads to it: pictures hung there

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            await self._send(self._created())
            writer = group.create_task(self._write())
            self._reader = group.create_task(self._intake.read())
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
        return SessionCreated(session_id=self.session_id, limits=limits, settings=self._intake.settings, model=names)

    async def _write(self) -> None:
        """Answer what is waiting, one by one, so that a session never holds more than one place in the engine."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Frame):
                await self._answer(item)
                del item  # its bytes are counted while it is kept
                continue
            if isinstance(item, Dropped):
                self._metrics.stream_frame("dropped")
                await self._send(FrameDropped(seq=item.seq, reason=item.reason))
            else:
                if isinstance(item, SessionWasReset) and self._live is not None:
                    self._live[0].forget()
                await self._send(item)
            await self._engine.admission.turns.wait(self.client)  # many in a row must not hold up others

    async def _answer(self, frame: Frame) -> None:
        try:
            if slip := slip_in(frame.payload) or base64_in(frame.payload):
                raise slip
            options = self._intake.settings.to_options()
            live, looks = self._live_and_looks()
            look = partial(looks, options=options, at_s=frame.at_s)
            asked = (frame.payload, options, self._engine.deadline(), self.client, look)
            image: Image | None = None
            if self._intake.settings.annotate:
                found, image = await self._engine.detect_and_keep(*asked)
            else:
                found = await self._engine.detect(*asked, long_side_px=looks.long_side_px)
            if len(found.faces) > FACES_AT_ONCE:
                found = await asyncio.to_thread(live.follow, found, frame.at_s)
            else:
                found = live.follow(found, frame.at_s)
            looks.answered(found, self._engine.manifest)
            drawn = None if image is None else await self._draw(image, found)
            image = None  # the client may take its time to read, and the picture's memory is counted
            names = model_names(self._engine.manifest, options.attributes)
            result = frame_result(frame.seq, found, names, annotated=drawn is not None)
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
            if drawn is not None:
                await self._send(drawn.jpeg)

    async def _refuse(self, frame: Frame, error: MienError) -> None:
        self._metrics.stream_frame("failed")
        self._metrics.rejected(error.code)
        await self._send(FrameError(seq=frame.seq, **problem_fields(error)))

    def _live_and_looks(self) -> tuple[LiveFaces, FrameLooks]:
        """Return what is remembered of the frames so far; the settings are final once the first one came."""
        if self._live is None:
            settings, limits = self._intake.settings, self._limits
            smoothing_s = limits.smoothing_s if settings.smoothing else 0.0
            every_s = limits.search_every_s if settings.search == "guided" else 0.0
            live = LiveFaces(limits.tracking, smoothing_s, every_s, self._streams.next_phase())
            self._live = live, FrameLooks(live)
        return self._live

    async def _draw(self, image: Image, found: ImageFaces) -> "_Drawn":
        """Draw the faces on a decoding thread, and count the result until the client has taken it.

        Raises:
            Overloaded: If there is no memory for it.
        """
        draw, size = partial(draw_jpeg, image, found, JPEG_QUALITY), image.shape[0] * image.shape[1]
        drawn = _Drawn(await self._engine.draw(draw, self.client, of_pixels=size))
        held = self._engine.admission.body_bytes.take(self.client, len(drawn.jpeg))
        held.count_while_alive(drawn, held.amount)
        return drawn

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


@dataclass(frozen=True)
class _Drawn:
    """An annotated picture, whose bytes are counted while it is kept.

    Attributes:
        jpeg: The file.
    """

    jpeg: bytes
