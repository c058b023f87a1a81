"""Uvicorn adapted: it drains before it stops, and stops when the networks are dead."""

import asyncio
import contextlib
import functools
import logging
import math
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.api.stream.session import SEND_TIMEOUT_S
from app.api.stream.sessions import Streams
from app.config import Settings
from app.serving.engine import Engine
from app.transport.buckets import LeakyBuckets
from app.transport.connections import Connections
from app.transport.descriptors import connections_that_fit
from app.transport.hosts import allowed_hosts
from app.transport.http import ImpatientProtocol
from app.transport.listen import listen_often
from app.transport.openings import StreamRates, openings_of
from app.transport.proxies import Proxies
from app.transport.unsent import bound_unsent
from app.transport.websocket import MAX_FRAMES_PER_S, ImpatientWebSocketProtocol

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that ask to stop: Ctrl-C, a supervisor, a terminal that was closed."""

GIVE_UP_S = 5.0
"""From the second Ctrl-C to the end of what was in work; a running batch is not broken off."""

TICK_S = 0.1
"""How often a stop looks for the second Ctrl-C, as Uvicorn's own."""

logger = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """Tells the engine at once when a signal asks to stop, so that work in progress is finished and the rest refused.

    It also stops when the engine is dead, since then only a new process helps and not every supervisor checks health:
    Docker restarts containers that have exited, not unhealthy ones.

    Streams are ended here before Uvicorn would cut them off, unanswered and with code 1012. All of this, including
    clients that do not read, may take up to `patience_s`. A second Ctrl-C cuts everything off, a third one ends the
    process.

    Args:
        config: Uvicorn's configuration.
        engine: Told to drain by the first signal.
        streams: The open sessions of the application.
        patience_s: Longest time to answer the requests received so far.

    Attributes:
        stopped_by: The signal that asked to stop, if one did.
    """

    def __init__(self, config: uvicorn.Config, engine: Engine, streams: Streams, patience_s: float) -> None:
        super().__init__(config)
        self._engine, self._streams, self._patience_s = engine, streams, patience_s
        self._engine_died = False
        self.stopped_by: int | None = None

    @property
    def failed(self) -> bool:
        """Whether it stopped, or never started, because of a failure."""
        return self._engine_died or not self.started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self._engine.drain()
        if sig == signal.SIGINT and self.should_exit:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.stopped_by = sig
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals that ask to stop.

        Uvicorn raises each of them once more at the end, for the handlers of before: tracebacks, if it was Ctrl-C
        twice. Here `end_by_signal` does that once, when the event loop is closed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # under nohup
        heard = [each for each in STOPPING if not (ignored and each is signal.SIGHUP)]
        before = {each: signal.signal(each, self.handle_exit) for each in heard}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def on_tick(self, counter: int) -> bool:
        """Say whether to stop; asked ten times a second."""
        if not (self._engine.alive or self._engine_died):
            logger.error("the networks are dead: stopping, so that a new process may take over")
            self._engine.drain()
            self._engine_died = True
        return await super().on_tick(counter) or self._engine_died

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; what connections inherit is set on what listens."""
        await super().startup(sockets)
        listeners = [listener for server in self.servers for listener in server.sockets]
        bound_unsent(listeners)
        for each in listeners:
            self.servers += await listen_often(each, self._make_protocol, self.config.backlog)

    def _make_protocol(self) -> Any:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # as Uvicorn's own
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the streams, close with 1001, then stop as Uvicorn does; at the deadline cut the remaining streams."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        cut = loop.call_at(deadline, self._cut_streams)
        closing = asyncio.create_task(self._streams.close(self._patience_s))
        while not (closing.done() or self.force_exit):
            await asyncio.wait({closing}, timeout=TICK_S)
        if not closing.cancel():  # it is done
            await closing
        self.config.timeout_graceful_shutdown = math.ceil(max(0.0, deadline - loop.time())) + 1
        await super().shutdown(sockets)
        cut.cancel()
        if self.force_exit:
            await self._give_up()

    async def _give_up(self) -> None:
        """Cut all connections, let what is in work notice, and stop the engine, which Uvicorn then leaves running."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=GIVE_UP_S)
        await self.lifespan.shutdown()

    def _cut_streams(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketsSansIOProtocol):
                connection.transport.abort()


def end_by_signal(sig: int) -> None:
    """End this process by a signal, as whoever sent it expects, and without the seconds that unloading libraries takes.

    As process 1 of a container it is not ended, and returns.
    """
    signal.signal(sig, signal.SIG_DFL)
    signal.raise_signal(sig)


def make_server(settings: Settings, api: FastAPI, engine: Engine) -> DrainingServer:
    """Make the server of an application; nothing listens before its `run`.

    Args:
        settings: Address, timeouts and limits.
        api: The application that `create_app` made from the same settings and engine.
        engine: Told to drain when a signal asks to stop.
    """
    connections = Connections(
        min(settings.max_connections, connections_that_fit()),
        settings.max_connections_per_address,
        Proxies(settings.trusted_proxies),
    )
    protocol: Any = functools.partial(
        ImpatientProtocol,
        connections=connections,
        turns=engine.admission.turns,
        hosts=allowed_hosts(settings.all_allowed_hosts, settings.host),
        header_timeout_s=settings.header_timeout_s,
        answer_timeout_s=SEND_TIMEOUT_S,
    )
    usual_frames_per_s = settings.stream_max_sessions * settings.stream_max_frames_per_second
    stream_protocol: Any = functools.partial(
        ImpatientWebSocketProtocol,
        connections=connections,
        turns=engine.admission.turns,
        body_bytes=engine.admission.body_bytes,
        message_timeout_s=settings.upload_timeout_s,
        rates=StreamRates(
            frames=LeakyBuckets(max(MAX_FRAMES_PER_S, 2 * usual_frames_per_s)),
            openings=openings_of(settings.stream_max_sessions),
        ),
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
        ws=stream_protocol,
        ws_max_size=2 * settings.stream_max_frame_bytes,  # a slightly too large frame is answered; a far larger one cut
        ws_ping_interval=settings.stream_ping_s,
        ws_ping_timeout=settings.stream_ping_s,
        ws_per_message_deflate=False,  # pictures are compressed already
    )
    return DrainingServer(config, engine, api.state.services.streams, settings.deadline_s)
