"""Uvicorn's HTTP connections, bounded: a client that stalls, floods or sends ahead of its answers is cut off.

Uvicorn bounds neither the headers of a request, nor what is sent while another request is answered; and it waits
forever for clients that neither send nor read.
"""

import asyncio
from typing import Any

from app.api.health import PROBES
from app.errors import MalformedRequest, Overloaded
from app.serving.turns import Turns
from app.transport import half_closed, polite
from app.transport.clocks import AnswerClock, stop
from app.transport.connections import Connections
from app.transport.parsing import ParsingProtocol
from app.transport.refusal import refusal
from app.transport.slices import HeldFlow, Inbox

MAX_AHEAD_BYTES, MAX_AHEAD = 65_536, 16
"""What a client may send while it waits for an answer: bytes, and whole requests (pipelining)."""

PROBED = tuple(f"{method} {path} ".encode() for method in ("GET", "HEAD") for path in PROBES)
"""Requests that need not wait behind many other clients: seven hundred at once delayed an orchestrator by 0.4 s."""

LINGER_S = 1.0
"""From a refusal to the end of its connection: closed at once, with data unread, the client would see a reset."""


class ImpatientProtocol(ParsingProtocol):
    """An HTTP connection whose client must send, read and wait for its turn.

    A client that sends too much ahead of an answer gets this answer, and then the connection is closed.

    Args:
        connections: All of the server, among which this one is counted.
        turns: In which what clients send is parsed.
        header_timeout_s: Longest time to the end of the next headers, counted from the connection, from the last
            answer, or from a request's first byte.
        answer_timeout_s: As in `AnswerClock`.
    """

    def __init__(
        self,
        *args: Any,
        connections: Connections,
        turns: Turns,
        header_timeout_s: float,
        answer_timeout_s: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._all, self._turns = connections, turns
        self._header_timeout_s, self._answer_timeout_s = header_timeout_s, answer_timeout_s
        self._patience: asyncio.TimerHandle | None = None
        self._answering: Any = None  # Uvicorn's cycle of the request in work; its own `cycle` is the last one that came
        self._ahead_bytes = 0
        self._heard_enough = False
        self._discarded: polite.Discarded | None = None  # of a body that came after its answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's own
        """Start the clock, and have `pause_writing` called for any data that is not sent at once."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._answer_clock = AnswerClock(self.loop, transport, self._answer_timeout_s)
        address = self.client[0] if self.client else None
        self._whose = self._all.whose(transport, address)
        self.flow = self._held_flow = HeldFlow(transport, self._turns, self._whose)
        self._inbox = Inbox(self._turns, self._whose, self._held_flow, self._take, self._slice_bytes, self._is_probe)
        if self._all.open(transport, address):
            self._wait()
        else:
            self._fault = Overloaded("Too many connections are open already; try again shortly.")
            self.send_400_response(str(self._fault))

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
        self._inbox.put(data)

    def _is_probe(self, data: bytes) -> bool:
        return data.startswith(PROBED) and not self._is_in_work()

    def _take(self, data: bytes) -> None:
        if self._heard_enough:
            return
        self._counts.received(len(data))
        self._parse(data)
        self._fault = self._fault or self._counts.fault_of_framing()
        if self._fault is not None and not self._heard_enough:
            self.send_400_response(str(self._fault))

    def on_message_begin(self) -> None:
        """Restart the clock: another request on the same connection."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise MalformedRequest(f"More than {MAX_AHEAD} requests were sent ahead.")
        super().on_message_begin()
        self._wait_if_idle()

    def on_headers_complete(self) -> None:
        """Stop the clock, and note which request Uvicorn takes into work: it queues those that come too early."""
        before = self.cycle
        super().on_headers_complete()
        stop(self._patience)
        if self.cycle is not before:
            to_close: Any = polite.PoliteTransport(self.transport, self._close_politely)
            self.cycle.transport = to_close
            if self._is_in_work():
                queued, app = self.pipeline[0]
                self.pipeline[0] = queued, self._turns.in_turn(self._whose, app)
            else:
                self._answering, self._ahead_bytes = self.cycle, 0
                self._all.busy(self.transport)

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
        self._all.busy(self.transport)
        self._inbox.drop()
        self._held_flow.release()
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
        stop(self._patience)
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
        else:
            self._all.idle(self.transport)
        self._wait_if_idle()

    def eof_received(self) -> bool:  # type: ignore[override]  # Uvicorn closes always
        """Answer a client that says that it sends no more, if its requests have come as a whole; else it has left."""
        if not self._is_in_work() or self.cycle.more_body:
            return False
        self._heard_enough, self.cycle.keep_alive = True, False
        half_closed.Departure(self.loop, self.transport, self._answering)
        return True

    def pause_writing(self) -> None:
        """Start the answer's clock."""
        super().pause_writing()
        self._answer_clock.start()

    def resume_writing(self) -> None:
        """Stop the answer's clock: all of it is on its way."""
        self._answer_clock.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks, and tell the request in work; Uvicorn would tell the last one that came."""
        self._all.closed(self.transport)
        self._inbox.drop()
        stop(self._patience)
        self._answer_clock.stop()
        if self._answering is not None:
            self.pipeline.clear()
            self.cycle = self._answering
        super().connection_lost(exc)

    def _is_in_work(self) -> bool:
        """Whether a request has come that is not answered yet; its body may be on the way."""
        return self._answering is not None and not self._answering.response_complete

    def _is_waited_for(self) -> bool:
        """Whether a whole request has come that is not answered yet."""
        return self._is_in_work() and not self._answering.more_body

    def _listen_no_more(self) -> None:
        """Finish the answer in work, then close: RFC 9112, section 9.3.2, has the client send the others again."""
        self._heard_enough = True
        stop(self._patience)
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
        stop(self._patience)
        self._patience = self.loop.call_later(polite.DISCARD_S, self.transport.close)

    def _wait_if_idle(self) -> None:
        """Give the client some time for the next headers: whatever it sends first stops Uvicorn's own clock."""
        if self.cycle is None or self.cycle.response_complete:
            self._wait()

    def _wait(self) -> None:
        stop(self._patience)
        self._patience = self.loop.call_later(self._header_timeout_s, self.transport.close)
