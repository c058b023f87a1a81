"""Uvicorn's HTTP connections, bounded: a client that stalls, floods or sends ahead of its answers is cut off.

Uvicorn bounds neither the headers of a request, nor what is sent while another request is answered; and it waits
forever for clients that neither send nor read.
"""

import asyncio
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import HeadersTooLarge, MalformedRequest, MienError
from app.transport.refusal import refusal

LEAST_TAKEN_BYTES = 32_768
"""The least of an answer that the system must take from us for a client in 30 s, or the client is given up. The system
takes it in steps, of up to a megabyte for large answers, so slow clients of these may be given up, too."""

MAX_HEAD_BYTES, MAX_HEADERS = 65_536, 128
"""Of a request, its line included; as many as h11, Uvicorn's other parser, and the WebSocket library read."""

MAX_AHEAD_BYTES, MAX_AHEAD = 65_536, 16
"""What a client may send while it waits for an answer: bytes, and whole requests (pipelining)."""

OFFERS = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and words in the header Connection, that offer another protocol: RFC 7540, section 3.2, is the last one."""

LINGER_S = 1.0
"""From a refusal to the end of its connection: closed at once, with data unread, the client would see a reset."""


class ImpatientProtocol(HttpToolsProtocol):
    """An HTTP connection whose client must send, read and wait for its turn.

    A client that sends too much ahead of an answer gets this answer, and then the connection is closed.

    Args:
        header_timeout_s: Longest time to the end of the next headers, counted from the connection, from the last
            answer, or from a request's first byte.
        answer_timeout_s: In this time a client must read `LEAST_TAKEN_BYTES` of an answer, or the rest of it.
    """

    def __init__(self, *args: Any, header_timeout_s: float, answer_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timeout_s, self._answer_timeout_s = header_timeout_s, answer_timeout_s
        self._patience: asyncio.TimerHandle | None = None
        self._until_cut: asyncio.TimerHandle | None = None
        self._answering: Any = None  # Uvicorn's cycle of the request in work; its own `cycle` is the last one that came
        self._head_bytes = self._ahead_bytes = 0
        self._bytes_without_body = 0  # since the request began or the last part of its body
        self._heard_enough = False
        self._fault: MienError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's own
        """Start the clock, and have `pause_writing` called for any data that is not sent at once."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Parse, unless it is too much."""
        if self._heard_enough:
            return
        if self._is_waited_for():
            self._ahead_bytes += len(data)
            if self._ahead_bytes > MAX_AHEAD_BYTES:
                self._listen_no_more()
                return
        self._bytes_without_body += len(data)
        self._parse(data)
        if self._bytes_without_body > MAX_HEAD_BYTES and not self._heard_enough:
            self._fault = _headers_too_large()  # one that has no end, or what comes with a chunk of a body
            self.send_400_response(str(self._fault))

    def on_message_begin(self) -> None:
        """Restart the clock and the counts: another request on the same connection."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise MalformedRequest(f"More than {MAX_AHEAD} requests were sent ahead.")
        super().on_message_begin()
        self._head_bytes = self._bytes_without_body = 0
        self._wait_if_idle()

    def on_url(self, url: bytes) -> None:
        """Count the request's line."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the headers, and a chunked body's trailers."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        _stop(self._patience)
        if not self._is_other_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that the body makes progress."""
        self._bytes_without_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the application read on."""
        if not self._is_other_upgrade():
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the stream's protocol, which has its own clocks, with the default buffer.

        Not before all answers have left: they would be written into the stream, or wait for ever to be.
        """
        if self._is_in_work():
            self._listen_no_more()
            return
        if self.flow.write_paused:
            self._heard_enough = True
            self.transport.close()
            return
        self._bytes_without_body = 0
        self.transport.set_write_buffer_limits()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP or has too long headers, and close; but never in the middle of an answer."""
        if self._is_waited_for():
            self._listen_no_more()
            return
        self._heard_enough = True
        cycle, is_in_work = self._answering, self._is_in_work()
        if not (is_in_work and cycle.response_started) and not self.transport.is_closing():
            self.transport.write(refusal(self._fault or MalformedRequest(msg)))
            self.transport.write_eof()
        if is_in_work:  # its body will not come: for the application the client is gone
            cycle.disconnected, cycle.waiting_for_100_continue = True, False
            cycle.message_event.set()
        _stop(self._patience)
        self._patience = self.loop.call_later(LINGER_S, self.transport.close)

    def on_response_complete(self) -> None:
        """Start the clock, unless another request has come already."""
        super().on_response_complete()
        self._wait_if_idle()

    def pause_writing(self) -> None:
        """Start the answer's clock."""
        super().pause_writing()
        self._watch_answer(before=sys.maxsize)

    def resume_writing(self) -> None:
        """Stop the answer's clock: all of it is on its way."""
        _stop(self._until_cut)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks, and tell the request in work; Uvicorn would tell the last one that came."""
        _stop(self._patience)
        _stop(self._until_cut)
        if self._answering is not None:
            self.pipeline.clear()
            self.cycle = self._answering
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering, self._ahead_bytes = cycle, 0
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("This is not HTTP.")
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._is_other_upgrade():
                self._parse(self._without_upgrade() + data[upgrade.args[0] :])

    def _is_other_upgrade(self) -> bool:
        """Whether the request offers to go on in another protocol than WebSocket: Java's client and `curl --http2` do.

        The parser takes what follows for that protocol, so the request is parsed again without the offer, which a
        server may ignore (RFC 9110, section 7.8).
        """
        is_offer = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return bool(is_offer and not self._should_upgrade())

    def _without_upgrade(self) -> bytes:
        """Return the head of the request that was parsed last without its offer, and start a new parser for it."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [each for each in value.split(b",") if each.strip().lower() not in OFFERS]
                lines += [name + b": " + b",".join(tokens)] if tokens else []
            elif name not in OFFERS:
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as Uvicorn's own
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _is_in_work(self) -> bool:
        """Whether a request has come that is not answered yet; its body may be on the way."""
        return self._answering is not None and not self._answering.response_complete

    def _is_waited_for(self) -> bool:
        """Whether a whole request has come that is not answered yet."""
        return self._is_in_work() and not self._answering.more_body

    def _listen_no_more(self) -> None:
        """Finish the answer in work, then close: RFC 9112, section 9.3.2, has the client send the others again."""
        self._heard_enough = True
        _stop(self._patience)
        self.pipeline.clear()
        self.flow.resume_reading()  # what is left unread would reset the connection, and the answer would be lost
        self.cycle = self._answering
        self.cycle.keep_alive = False

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._fault = _headers_too_large()
            raise self._fault  # the parser stops, and Uvicorn calls `send_400_response`

    def _watch_answer(self, before: int) -> None:
        """Cut the connection if too little more was read, else check again later."""
        left = self.transport.get_write_buffer_size()
        if left > before - LEAST_TAKEN_BYTES:
            self.transport.abort()
            return
        self._until_cut = self.loop.call_later(self._answer_timeout_s, self._watch_answer, left)

    def _wait_if_idle(self) -> None:
        """Give the client some time for the next headers: whatever it sends first stops Uvicorn's own clock."""
        if self.cycle is None or self.cycle.response_complete:
            self._wait()

    def _wait(self) -> None:
        _stop(self._patience)
        self._patience = self.loop.call_later(self._header_timeout_s, self.transport.close)


def _headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        f"The request's line and headers are longer than {MAX_HEAD_BYTES:,} bytes, or more than {MAX_HEADERS}: "
        "send fewer, such as fewer cookies."
    )


def _stop(clock: asyncio.TimerHandle | None) -> None:
    if clock is not None:
        clock.cancel()
