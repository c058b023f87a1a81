"""Requests taken apart: a slice at a time, counted, and refused before anything walks what is too much."""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import MienError
from app.transport import head
from app.transport.clocks import stop
from app.transport.counts import RequestCounts
from app.transport.hosts import Hosts
from app.transport.slices import SLICE_BYTES


class ParsingProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP connection, whose requests are counted while they are parsed.

    Args:
        hosts: Names that requests may be for.
    """

    def __init__(self, *args: Any, hosts: Hosts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hosts = hosts
        self._counts = RequestCounts()
        self._fault: MienError | None = None

    def on_message_begin(self) -> None:
        """Restart the counts: another request on the same connection."""
        super().on_message_begin()
        self._counts = RequestCounts()

    def on_url(self, url: bytes) -> None:
        """Bound and count what is asked for, which may come in parts."""
        super().on_url(url)
        self._count(len(url), head.fault_of_target(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound and count the headers, and a chunked body's trailers; spaces after a value are no part of it."""
        super().on_header(name, value.rstrip(b" \t"))
        self._count(len(name) + len(value), head.fault_of_value(value))

    def on_headers_complete(self) -> None:
        """Look at whom it is for, and at how long the body is to be."""
        self._object_to(head.fault_of_hosts(self.headers, self.parser.get_http_version()))
        self._object_to(self._hosts.fault_of(self.headers, self.url))
        self._counts.length = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        if not self._is_other_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the parts of the body."""
        self._object_to(self._counts.body_part(len(body)))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the application read on."""
        if not self._is_other_upgrade():
            super().on_message_complete()

    def _slice_bytes(self) -> int:
        """Return how much may be parsed at once; what is left of a body whose length is known costs one call."""
        return max(SLICE_BYTES, self._counts.body_left)

    def _parse(self, data: bytes) -> None:
        stop(self.timeout_keep_alive_task)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("This is not HTTP, or its method is unknown: those of HTTP are in capitals.")
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

    def _count(self, size_bytes: int, fault: MienError | None) -> None:
        self._object_to(fault or self._counts.head_part(size_bytes, len(self.headers)))

    def _object_to(self, fault: MienError | None) -> None:
        """Stop the parser if there is a fault; `_parse` then refuses the request."""
        if fault is not None:
            self._fault = fault
            raise fault
