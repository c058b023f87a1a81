"""Uvicorn adapted: it drains before it stops, and drops clients that do not finish sending or do not read."""

import asyncio
import functools
import logging
import math
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.api.stream import SEND_TIMEOUT_S
from app.api.stream_sessions import Streams
from app.config import Settings
from app.serving.engine import Engine

logger = logging.getLogger(__name__)

FAREWELL_S = 15.0
"""From the end of a stream's session to the end of its connection; Uvicorn's closing handshake may take 10 s of it."""


LEAST_TAKEN_BYTES = 32_768
"""The least a client must read of an answer in 30 s, about 1 kB/s; slower ones only take places from others."""


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose client stops sending or reading; Uvicorn itself waits forever.

    Args:
        header_timeout_s: Longest time to the end of the next headers, counted from the connection, from a request's
            first byte, or from an answer that did not wait for the body.
        answer_timeout_s: In this time a client must read `LEAST_TAKEN_BYTES` of an answer, or the rest of it.
    """

    def __init__(self, *args: Any, header_timeout_s: float, answer_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timeout_s, self._answer_timeout_s = header_timeout_s, answer_timeout_s
        self._patience: asyncio.TimerHandle | None = None
        self._until_cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's own
        """Start the clock, and have `pause_writing` called for any data that is not sent at once."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._wait()

    def on_message_begin(self) -> None:
        """Restart the clock: another request on the same connection."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        _stop(self._patience)
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the stream's protocol, which has its own clocks, with the default buffer."""
        self.transport.set_write_buffer_limits()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        """Start the clock if the rest of a body that nobody will read is still to come."""
        is_unread = self.cycle.more_body and not self.pipeline  # with others behind it, the body was complete
        super().on_response_complete()
        if is_unread:
            self._wait()

    def pause_writing(self) -> None:
        """Start the answer's clock."""
        super().pause_writing()
        self._watch_answer(before=sys.maxsize)

    def resume_writing(self) -> None:
        """Stop the answer's clock: all of it is on its way."""
        _stop(self._until_cut)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        _stop(self._patience)
        _stop(self._until_cut)
        super().connection_lost(exc)

    def _watch_answer(self, before: int) -> None:
        """Cut the connection if too little more was read, else check again later."""
        left = self.transport.get_write_buffer_size()
        if left > before - LEAST_TAKEN_BYTES:
            self.transport.abort()
            return
        self._until_cut = self.loop.call_later(self._answer_timeout_s, self._watch_answer, left)

    def _wait(self) -> None:
        _stop(self._patience)
        self._patience = self.loop.call_later(self._header_timeout_s, self.transport.close)


def _stop(clock: asyncio.TimerHandle | None) -> None:
    if clock is not None:
        clock.cancel()


class ImpatientWebSocketProtocol(WebSocketsSansIOProtocol):
    """Cuts a connection whose session is over and whose client does not read; Uvicorn would keep both forever."""

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Give the remaining data some time to be sent."""
        super().on_task_complete(task)
        self.loop.call_later(FAREWELL_S, self.transport.abort)


class DrainingServer(uvicorn.Server):
    """Tells the engine at once when a signal asks to stop, so that work in progress is finished and the rest refused.

    It also stops when the engine is dead, since then only a new process helps and not every supervisor checks health:
    Docker restarts containers that have exited, not unhealthy ones.

    Streams are ended here before Uvicorn would cut them off, unanswered and with code 1012. All of this, including
    clients that do not read, may take up to `patience_s`.

    Args:
        config: Uvicorn's configuration.
        engine: Told to drain by the first signal.
        streams: The open sessions of the application.
        patience_s: Longest time to answer the requests received so far.

    """

    def __init__(self, config: uvicorn.Config, engine: Engine, streams: Streams, patience_s: float) -> None:
        super().__init__(config)
        self._engine, self._streams, self._patience_s = engine, streams, patience_s
        self._engine_died = False

    @property
    def failed(self) -> bool:
        """Whether it stopped, or never started, because of a failure."""
        return self._engine_died or not self.started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self._engine.drain()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Say whether to stop; asked ten times a second."""
        if not (self._engine.alive or self._engine_died):
            logger.error("the networks are dead: stopping, so that a new process may take over")
            self._engine.drain()
            self._engine_died = True
        return await super().on_tick(counter) or self._engine_died

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the streams, close with 1001, then stop as Uvicorn does; at the deadline cut the remaining streams."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        cut = loop.call_at(deadline, self._cut_streams)
        await self._streams.close(self._patience_s)
        self.config.timeout_graceful_shutdown = math.ceil(max(0.0, deadline - loop.time())) + 1
        await super().shutdown(sockets)
        cut.cancel()

    def _cut_streams(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketsSansIOProtocol):
                connection.transport.abort()


def make_server(settings: Settings, api: FastAPI, engine: Engine) -> DrainingServer:
    """Make the server of an application; nothing listens before its `run`.

    Args:
        settings: Address, timeouts and limits.
        api: The application that `create_app` made from the same settings and engine.
        engine: Told to drain when a signal asks to stop.
    """
    protocol: Any = functools.partial(
        ImpatientProtocol, header_timeout_s=settings.header_timeout_s, answer_timeout_s=SEND_TIMEOUT_S
    )
    config = uvicorn.Config(
        api,
        host=settings.host,
        port=settings.port,
        http=protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        ws=ImpatientWebSocketProtocol,
        ws_max_size=2 * settings.stream_max_frame_bytes,  # a slightly too large frame is answered; a far larger one cut
        ws_ping_interval=settings.stream_ping_s,
        ws_ping_timeout=settings.stream_ping_s,
        ws_per_message_deflate=False,  # pictures are compressed already
    )
    return DrainingServer(config, engine, api.state.services.streams, settings.deadline_s)
