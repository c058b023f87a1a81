"""Uvicorn adapted: it drains before it stops, and stops when the networks are dead."""

import asyncio
import functools
import logging
import math
import socket
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.api.stream.session import SEND_TIMEOUT_S
from app.api.stream.sessions import Streams
from app.config import Settings
from app.serving.engine import Engine
from app.transport.http import ImpatientProtocol
from app.transport.websocket import ImpatientWebSocketProtocol

logger = logging.getLogger(__name__)


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
