"""Limits on all uploads together: how many at once, how many bytes in memory, how long each may take."""

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.client import client_of
from app.api.guards.needs import RouteTable
from app.errors import UploadTimeout
from app.serving.admission import Admission
from app.serving.budget import Hold

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
        admission: The budgets of requests that send something, of those that only read, and of bytes; requests to
            routes that need no place are not counted.
        timeout_s: Longest time from the headers to the end of a body.
        routes: Know which requests are counted.
    """

    def __init__(self, app: ASGIApp, admission: Admission, timeout_s: float, routes: RouteTable) -> None:
        self.app, self._admission, self._timeout_s, self._routes = app, admission, timeout_s, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            Overloaded: If too many requests are being answered, or too many of this client.
        """
        if scope["type"] != "http" or not self._routes[scope["path"]].needs.place:
            await self.app(scope, receive, send)
            return
        only_reads = scope["method"] in READING  # and not whether a body is announced, which is the client's to say
        requests = self._admission.reading if only_reads else self._admission.requests
        has_body = not BODY_HEADERS.isdisjoint(name for name, _ in scope["headers"])
        client = client_of(scope)
        with requests.take(client), self._admission.body_bytes.empty(client) as held:
            upload = _Upload(receive, send, held, self._timeout_s, complete=not has_body)
            await self.app(scope, upload.receive, upload.send)


class _Upload:
    """The body of one request while it is received.

    Args:
        receive: Where it comes from.
        send: Where the answer goes.
        held: The bytes received.
        timeout_s: Longest time until the body is complete.
        complete: Whether there is no body at all.
    """

    def __init__(self, receive: Receive, send: Send, held: Hold, timeout_s: float, complete: bool) -> None:
        self._receive, self._send, self._held, self._complete = receive, send, held, complete
        self._timeout_s = timeout_s
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._timed_out = False

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
            self._held.add(len(message.get("body", b"")))
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
