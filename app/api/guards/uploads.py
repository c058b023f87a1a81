"""Limits on all uploads together: how many at once, how many bytes in memory, how long each may take."""

import asyncio
from itertools import islice, takewhile

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.client import client_of
from app.api.guards.needs import RouteTable
from app.api.guards.reception import Reception
from app.errors import Overloaded
from app.serving.admission import Admission
from app.serving.budget import Budget, Hold

READING = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
"""One of them announces a body (RFC 9112, section 6)."""

ROOM_S = 1.0
"""How long to wait for a place that another body leaves."""

LOOKED_AT = 64
"""Of so many bodies the slowest makes room; to look at all, with 700 that come at once, took a quarter of a second."""

SLOW_FOR_S, SLOW_WAIT_S = 60.0, 3.0
"""For how long nobody makes room for a client whose own body had to, and how long it waits instead.

Else those who come again at once take each other's places as fast as the server answers.
"""


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
        self._slow_until: dict[str, float] = {}  # in the order in which it ends

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
            was_slow = self._was_slow(client)
            if requests.held_by(client) or not (was_slow or self._make_room(requests)):
                raise
        if was_slow:
            await asyncio.sleep(SLOW_WAIT_S)
            return requests.take(client)
        return await requests.wait(client, until=_now_s() + ROOM_S)

    def _make_room(self, requests: Budget) -> bool:
        """End the slowest body of those that may have to end and came first, if there is one."""
        may_end = (each for each, place in self._receptions.items() if place.budget is requests and each.yields)
        slow = list(islice(may_end, LOOKED_AT))
        if not slow:
            return False
        slowest = min(slow, key=lambda each: each.bytes_per_s)
        whose = self._receptions[slowest].client
        self._slow_until.pop(whose, None)
        self._slow_until[whose] = _now_s() + SLOW_FOR_S
        slowest.make_room()
        return True

    def _was_slow(self, client: str) -> bool:
        now_s = _now_s()
        for each in list(takewhile(lambda each: self._slow_until[each] <= now_s, self._slow_until)):
            del self._slow_until[each]
        return client in self._slow_until


def _now_s() -> float:
    return asyncio.get_running_loop().time()


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
