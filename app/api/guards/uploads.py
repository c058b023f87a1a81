"""Limits on all uploads together: how many at once, how many bytes in memory, how long each may take."""

import asyncio
from random import sample

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.client import client_of
from app.api.guards.needs import RouteTable
from app.api.guards.reception import Reception
from app.api.guards.slow_clients import SlowClients
from app.errors import Overloaded
from app.serving.admission import Admission
from app.serving.budget import Budget, Hold

READING = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
"""One of them announces a body (RFC 9112, section 6)."""

ROOM_S = 1.0
"""How long to wait for a place that another body leaves."""

LOOKED_AT = 64
"""Of so many bodies, taken at random, the slowest makes room: looking at all 585 takes more than a millisecond."""


class UploadsMiddleware:
    """Refuse uploads beyond the memory and time set aside for them.

    Bytes count from arrival until the request is answered; `app.api.wire.body` limits a single body. Read-only
    requests, such as those for the page's files, are counted separately: slow readers, which need no API key, then
    cannot block those who send pictures. Where all places are taken, the slowest body makes room for a client that
    has none.

    Args:
        app: The next ASGI application.
        admission: The budgets of requests that send something, of those that only read, and of bytes; requests to
            routes that need no place are not counted.
        timeout_s: Longest time from the headers to the end of a body.
        routes: Know which requests are counted.
    """

    def __init__(self, app: ASGIApp, admission: Admission, timeout_s: float, routes: RouteTable) -> None:
        self.app, self._admission, self._timeout_s, self._routes = app, admission, timeout_s, routes
        self._receptions: dict[Reception, Hold] = {}
        self._slow = SlowClients()

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
        client = client_of(scope)
        with await self._place(requests, client) as place, self._admission.body_bytes.empty(client) as held:
            if BODY_HEADERS.isdisjoint(name for name, _ in scope["headers"]):
                await self.app(scope, receive, send)
                return
            reception = Reception(receive, held, self._timeout_s)
            self._receptions[reception] = place
            try:
                await self.app(scope, reception.receive, _closing_late_ones(reception, send))
            finally:
                del self._receptions[reception]

    async def _place(self, requests: Budget, client: str) -> Hold:
        try:
            return requests.take(client)
        except Overloaded:
            was_slow = client in self._slow
            if requests.held_by(client) or not (was_slow or self._make_room(requests)):
                raise
        if was_slow:
            await self._slow.wait(client)
            return requests.take(client)
        return await requests.wait(client, until=asyncio.get_running_loop().time() + ROOM_S)

    def _make_room(self, requests: Budget) -> bool:
        """End the slowest of some bodies that hold a place here and may have to end, if there is one."""
        coming = [pair for pair in self._receptions.items() if pair[0].is_waited_for and pair[1].budget is requests]
        some = coming if len(coming) <= LOOKED_AT else sample(coming, LOOKED_AT)
        slow = [(each, place) for each, place in some if each.yields]
        if not slow:
            return False
        slowest, its_place = min(slow, key=lambda each: each[0].bytes_per_s)
        self._slow.add(its_place.client)
        slowest.make_room()
        return True


def _closing_late_ones(reception: Reception, send: Send) -> Send:
    """Return what passes on the answer and, if the body took too long, closes the connection.

    After any other refusal the rest of the body may still arrive for a while: closing the connection while the client
    is sending would reset it and lose the answer.
    """

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start" and reception.timed_out:
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_and_close
