"""Limits on all uploads together: how many at once, how many bytes in memory, how long each may take."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.needs import RouteTable
from app.errors import Overloaded, UploadTimeout

READING = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
"""One of them announces a body (RFC 9112, section 6)."""


class UploadsMiddleware:
    """Refuse uploads beyond the memory and time set aside for them.

    Bytes count from arrival until the request is answered; `app.api.wire.body` limits a single body. Read-only
    requests, such as those for the page's files, are counted separately: slow readers, which need no API key, then
    cannot block those who send pictures.

    Args:
        app: The next ASGI application.
        max_requests: Most concurrent requests that send something, and as many read-only ones; those to routes
            that need no place are not counted.
        max_bytes_held: Most bytes held by all bodies together.
        timeout_s: Longest time from the headers to the end of a body.
        routes: Know which requests are counted.
    """

    def __init__(
        self, app: ASGIApp, max_requests: int, max_bytes_held: int, timeout_s: float, routes: RouteTable
    ) -> None:
        self.app, self._routes = app, routes
        self._max_requests, self._max_bytes_held, self._timeout_s = max_requests, max_bytes_held, timeout_s
        self._requests = {True: 0, False: 0}  # that only read; that send
        self._bytes_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            Overloaded: If too many requests are being answered.
        """
        if scope["type"] != "http" or not self._routes[scope["path"]].needs.place:
            await self.app(scope, receive, send)
            return
        only_reads = scope["method"] in READING  # and not whether a body is announced, which is the client's to say
        if self._requests[only_reads] >= self._max_requests:
            raise Overloaded(f"{self._max_requests} requests are being answered already; try again shortly.")
        has_body = not BODY_HEADERS.isdisjoint(name for name, _ in scope["headers"])
        upload = _Upload(receive, send, self._hold, self._timeout_s, complete=not has_body)
        self._requests[only_reads] += 1
        try:
            await self.app(scope, upload.receive, upload.send)
        finally:
            self._requests[only_reads] -= 1
            self._bytes_held -= upload.bytes_held

    def _hold(self, count: int) -> None:
        if self._bytes_held + count > self._max_bytes_held:
            raise Overloaded("The memory for uploads is full; try again shortly.")
        self._bytes_held += count


class _Upload:
    """The body of one request while it is received.

    Args:
        receive: Where it comes from.
        send: Where the answer goes.
        hold: Counts received bytes; raises if there are too many.
        timeout_s: Longest time until the body is complete.
        complete: Whether there is no body at all.
    """

    def __init__(
        self, receive: Receive, send: Send, hold: Callable[[int], None], timeout_s: float, complete: bool
    ) -> None:
        self._receive, self._send, self._hold, self._complete = receive, send, hold, complete
        self._timeout_s = timeout_s
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._timed_out = False
        self.bytes_held = 0

    async def receive(self) -> Message:
        """Pass on the next part of the body; once complete, wait for the client without a limit."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            self._timed_out = True
            raise UploadTimeout(f"The body was not complete after {self._timeout_s:g} s.") from error
        if message["type"] == "http.request":
            count = len(message.get("body", b""))
            self._hold(count)
            self.bytes_held += count
            self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on the answer; if the body took too long, close the connection.

        After any other refusal the rest of the body may still arrive for a while: closing the connection while the
        client is sending would reset it and lose the answer.
        """
        if message["type"] == "http.response.start" and self._timed_out:
            MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)
