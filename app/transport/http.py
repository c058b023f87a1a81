"""Uvicorn's HTTP connections, bounded: a client that stalls, floods or sends ahead of its answers is cut off.

Uvicorn bounds neither the headers of a request, nor what is sent while another request is answered; and it waits
forever for clients that neither send nor read.
"""

import asyncio
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import MalformedRequest, MienError
from app.transport import head, polite
from app.transport.refusal import refusal

LEAST_TAKEN_BYTES = 32_768
"""The least of an answer that the system must take from us for a client in 30 s, or the client is given up. The system
takes it in steps, of up to a megabyte for large answers, so slow clients of these may be given up, too."""

MAX_AHEAD_BYTES, MAX_AHEAD = 65_536, 16
"""What a client may send while it waits for an answer: bytes, and whole requests (pipelining)."""

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
        self._discarded: polite.Discarded | None = None  # of a body that came after its answer
        self._fault: MienError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's own
        """Start the clock, and have `pause_writing` called for any data that is not sent at once."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Parse, unless it is too much."""
        if self._heard_enough:
            if self._discarded is not None:
                self._discarded.count(len(data))
            return
        if self._is_waited_for():
            self._ahead_bytes += len(data)
            if self._ahead_bytes > MAX_AHEAD_BYTES:
                self._listen_no_more()
                return
        self._bytes_without_body += len(data)
        self._parse(data)
        self._fault = self._fault or head.fault_of_size(self._bytes_without_body, 0)  # no end, or it came with a chunk
        if self._fault is not None and not self._heard_enough:
            self.send_400_response(str(self._fault))

    def on_message_begin(self) -> None:
        """Restart the clock and the counts: another request on the same connection."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise MalformedRequest(f"More than {MAX_AHEAD} requests were sent ahead.")
        super().on_message_begin()
        self._head_bytes = self._bytes_without_body = 0
        self._wait_if_idle()

    def on_url(self, url: bytes) -> None:
        """Bound and count what is asked for, which may come in parts."""
        super().on_url(url)
        self._count(len(url), head.fault_of_target(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound and count the headers, and a chunked body's trailers; spaces after a value are no part of it."""
        super().on_header(name, value.rstrip(b" \t"))
        self._count(len(name) + len(value), head.fault_of_value(value))

    def on_headers_complete(self) -> None:
        """Stop the clock, and note which request Uvicorn takes into work: it queues those that come too early."""
        self._object_to(head.fault_of_hosts(self.headers, self.parser.get_http_version()))
        _stop(self._patience)
        if self._is_other_upgrade():
            return
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            to_close: Any = polite.PoliteTransport(self.transport, self._close_politely)
            self.cycle.transport = to_close
            if not self._is_in_work():
                self._answering, self._ahead_bytes = self.cycle, 0

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
        """Note which request is next, or start the clock if none has come."""
        if self._discarded is not None:  # the connection ends with this answer
            self.server_state.total_requests += 1
            return
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if following is not None and not self.transport.is_closing():  # else Uvicorn leaves it in the queue
            self._answering, self._ahead_bytes = following, 0
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

    def _parse(self, data: bytes) -> None:
        _stop(self.timeout_keep_alive_task)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("This is not HTTP.")
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_other_upgrade():
                self._parse_again(data[upgrade.args[0] :])
            elif self._asks_for_stream():
                self.handle_websocket_upgrade()

    def _parse_again(self, rest: bytes) -> None:
        """Parse the request whose head came last without its offer, and what follows, with a new parser."""
        anew = head.without_offer(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as Uvicorn's own
        self._parse(anew + rest)

    def _asks_for_stream(self) -> bool:
        return self.ws_protocol_class is not None and head.asks_for_websocket(self.headers)

    def _is_other_upgrade(self) -> bool:
        """Whether the request offers to go on in another protocol than WebSocket: Java's client and `curl --http2` do.

        The parser takes what follows for that protocol, so the request is parsed again without the offer, which a
        server may ignore (RFC 9110, section 7.8).
        """
        offered = bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"
        return offered and not self._asks_for_stream()

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

    def _close_politely(self) -> None:
        """Close after an answer; while its client still sends the body, read on and keep nothing.

        Closed with data unread, the system would reset the connection, and the answer would be lost on its way.
        """
        if not self._answering.more_body or self.transport.is_closing():
            self.transport.close()
            return
        self._heard_enough, self._discarded = True, polite.Discarded(self.transport)
        self.pipeline.clear()
        self.transport.write_eof()
        self.flow.resume_reading()
        _stop(self._patience)
        self._patience = self.loop.call_later(polite.DISCARD_S, self.transport.close)

    def _count(self, size_bytes: int, fault: MienError | None) -> None:
        self._head_bytes += size_bytes
        self._object_to(fault or head.fault_of_size(self._head_bytes, len(self.headers)))

    def _object_to(self, fault: MienError | None) -> None:
        """Stop the parser if there is a fault; `_parse` then refuses the request."""
        if fault is not None:
            self._fault = fault
            raise fault

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


def _stop(clock: asyncio.TimerHandle | None) -> None:
    if clock is not None:
        clock.cancel()
