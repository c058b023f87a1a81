"""API keys: without a valid one, only the routes are open that say so."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.client import set_client
from app.api.guards.needs import RouteTable
from app.errors import Unauthorized

SUBPROTOCOL, KEY_SUBPROTOCOL = "mien", "key."
"""Browsers cannot set headers of a WebSocket: they offer the subprotocols `mien` and `key.<base64url of the key>`."""

SCHEMES: dict[str, dict[str, str]] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
"""The same for programs, in OpenAPI's words; one of them is enough."""


def describe_keys(api: FastAPI, routes: RouteTable) -> None:
    """State in the OpenAPI description that a key is needed, so that /docs asks for one and sends it."""
    describe = api.openapi

    def with_keys() -> dict[str, Any]:
        schema = describe()
        schema["components"]["securitySchemes"] = SCHEMES
        schema["security"] = [{name: []} for name in SCHEMES]
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                if not routes[path].needs.key:
                    operation["security"] = []
        return schema

    api.openapi = with_keys  # type: ignore[method-assign]  # FastAPI's documented way to extend the description


class ApiKeysMiddleware:
    """Require `X-API-Key: KEY`, `Authorization: Bearer KEY`, or the subprotocols of a WebSocket.

    Keys are kept and compared as digests, always all of them, so that timing reveals nothing about a key.

    Args:
        app: The next ASGI application.
        keys: The valid ones; if empty, no key is required.
        routes: Know which of them need one.
    """

    def __init__(self, app: ASGIApp, keys: Iterable[str], routes: RouteTable) -> None:
        self.app, self._routes = app, routes
        self._digests = [_digest(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            Unauthorized: If the key is missing or wrong.
        """
        is_open = scope["type"] == "lifespan" or not self._routes[scope["path"]].needs.key
        if is_open or not self._digests or scope.get("method") == "OPTIONS":
            await self.app(scope, receive, _choosing_subprotocol(scope, send))
            return
        key = _key_of(scope)
        if key is None:
            raise Unauthorized("Send an API key in the header X-API-Key or as Authorization: Bearer KEY.")
        digest = _digest(key)
        if not sum(hmac.compare_digest(digest, each) for each in self._digests):
            raise Unauthorized("The API key is not a valid one.")
        set_client(scope, f"key {digest.hex()}")
        await self.app(scope, receive, _choosing_subprotocol(scope, send))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _key_of(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    if "x-api-key" in headers:
        return headers["x-api-key"].strip()
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(KEY_SUBPROTOCOL):
            coded = offered.removeprefix(KEY_SUBPROTOCOL)
            try:
                return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
            except (binascii.Error, ValueError):
                return None
    return None


def _choosing_subprotocol(scope: Scope, send: Send) -> Send:
    """Accept an offered `mien`: browsers close a stream whose offers are all ignored."""
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        return send

    async def send_choice(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message["subprotocol"] = SUBPROTOCOL
        await send(message)

    return send_choice
