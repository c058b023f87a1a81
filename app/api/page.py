"""GET / for browsers and /docs, from local files only: no third-party host is ever contacted."""

import os
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).resolve().parents[1] / "web"
SWAGGER_UI = Path(str(files("fastapi_offline"))) / "static"

MOUNTS = {"/web/swagger-ui": SWAGGER_UI, "/web": WEB}
"""Folders of files, the inner one first."""

INDEX = {"name": "Mien", "docs": "/docs", "models": "/models", "licence": "AGPL-3.0-or-later", "source": "/source"}

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

router = APIRouter(include_in_schema=False)


class _PageFiles(StaticFiles):
    """Static files with the page's headers."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def install_page(api: FastAPI) -> None:
    """Add the page, its files and the documentation to the application."""
    api.include_router(router)
    for mount, folder in MOUNTS.items():
        api.mount(mount, _PageFiles(directory=folder))


@router.head("/")
@router.get("/")
async def index(request: Request) -> Response:
    """The page for clients that ask for HTML; for others, where to go from here."""
    if "text/html" in request.headers.get("accept", ""):
        return FileResponse(WEB / "index.html", headers={**HEADERS, "Vary": "Accept"})
    return JSONResponse(INDEX, headers={"Vary": "Accept"})


@router.head("/docs")
@router.get("/docs")
async def docs() -> FileResponse:
    """The whole API, to read and to try."""
    return FileResponse(WEB / "docs.html", headers=HEADERS)
