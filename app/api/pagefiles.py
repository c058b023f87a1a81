"""The page's files, read once: answering one asks neither the disk nor a thread."""

import functools
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

WEB = Path(__file__).resolve().parents[1] / "web"
SWAGGER_UI = Path(str(files("fastapi_offline"))) / "static"
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
"""What docs.html uses of that folder."""

FOLDERS = ("/web/swagger-ui", "/web")
"""Where the files are, the inner folder first."""

MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
"""Browsers run no module of another type, and what the system calls these files differs."""

SLICE_BYTES = 65_536
"""So much is sent at a time: a slow reader keeps one slice in memory, not a copy of the file."""

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",  # the WebSocket of the same host and port included (CSP level 3)
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",  # kept by the browser, asked for anew by its ETag
}


@dataclass(frozen=True)
class PageFile:
    """A file as it is sent.

    Attributes:
        body: All of it.
        media_type: For the header Content-Type.
        etag: Changes with the body.
        headers: Further headers.
    """

    body: bytes
    media_type: str
    etag: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes, media_type: str, headers: Mapping[str, str] = HEADERS) -> "PageFile":
        """Make one of its content."""
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"', headers)

    def answer(self, request: Request, vary: str | None = None) -> Response:
        """Answer with the file, or with 304 if the client has it already.

        Args:
            request: Its header If-None-Match is read. Range is not: a server may ignore it (RFC 9110, section 14.2).
            vary: The header that decided for this file.
        """
        headers = {**self.headers, "ETag": self.etag, **({"Vary": vary} if vary else {})}
        if _names(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return _SlicedResponse(self.body, headers=headers, media_type=self.media_type)


class _SlicedResponse(Response):
    """An answer that is written slice by slice, each when the one before has left."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI asks
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = b"" if scope["method"] == "HEAD" else bytes(self.body)
        for start in range(0, len(body), SLICE_BYTES):
            part = body[start : start + SLICE_BYTES]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@functools.cache
def page_files() -> Mapping[str, PageFile]:
    """Return the files by their paths, as they were when this process first asked for them."""
    found = {f"/web/{path.relative_to(WEB).as_posix()}": path for path in sorted(WEB.rglob("*")) if path.is_file()}
    found |= {f"/web/swagger-ui/{name}": SWAGGER_UI / name for name in SWAGGER_FILES}
    return MappingProxyType({path: PageFile.of(file.read_bytes(), _media_type(file)) for path, file in found.items()})


def _media_type(path: Path) -> str:
    if path.suffix in MEDIA_TYPES:
        return MEDIA_TYPES[path.suffix]
    guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def _names(if_none_match: str, etag: str) -> bool:
    """Whether the header names the ETag; a proxy that compresses makes it a weak one (RFC 9110, section 13.1.2)."""
    tags = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return etag in tags or "*" in tags
