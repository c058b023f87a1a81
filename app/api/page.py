"""GET / for browsers, /docs, /openapi.json and the page's files: no third-party host is ever contacted.

These are plain routes of Starlette: FastAPI's would take the query apart, which nothing here reads.
"""

import json
import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from app.api.guards.needs import needs
from app.api.pagefiles import FOLDERS, PageFile, page_files

INDEX = {"name": "Mien", "docs": "/docs", "models": "/models", "licence": "AGPL-3.0-or-later", "source": "/source"}
DESCRIPTION_HEADERS = {"Cache-Control": "no-cache"}

PREFIX, MAX_PREFIX_CHARACTERS, MAX_PREFIXES = re.compile(r"(?:/[\w.~-]+)+", re.ASCII), 200, 8
"""Of a path that a proxy strips; so many descriptions are kept."""


def install_page(api: FastAPI, behind_proxies: bool) -> None:
    """Add the page, its files and the documentation to the application.

    Args:
        api: The application.
        behind_proxies: Whether any proxies are trusted.
    """
    page_files()  # read now, so that no request waits for the disk
    endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": index,
        "/docs": docs,
        "/docs/": to_docs,
        "/openapi.json": description_of(api, behind_proxies),
        **{f"{folder}/{{path:path}}": page_file for folder in FOLDERS},
    }
    for path, endpoint in endpoints.items():
        api.add_route(path, endpoint, methods=["GET"], include_in_schema=False)  # and HEAD


@needs(key=False, rate=False)
async def index(request: Request) -> Response:
    """The page for clients that ask for HTML; for others, where to go from here."""
    if "text/html" in request.headers.get("accept", ""):
        return page_files()["/web/index.html"].answer(request, vary="Accept")
    return JSONResponse(INDEX, headers={"Vary": "Accept"})


@needs(key=False, rate=False)
async def docs(request: Request) -> Response:
    """The whole API, to read and to try."""
    return page_files()["/web/docs.html"].answer(request)


@needs(key=False, rate=False)
async def to_docs(_: Request) -> Response:
    """Where the addresses in docs.html, which are relative, are right."""
    return RedirectResponse("../docs")


@needs(key=False, rate=False)
async def page_file(request: Request) -> Response:
    """One of the page's files; what is not among them is not looked for."""
    file = page_files().get(request.scope["path"])
    if file is None:
        raise HTTPException(404)
    return file.answer(request)


def description_of(api: FastAPI, behind_proxies: bool) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of /openapi.json; the description is written once for each prefix that proxies put before it.

    Args:
        api: What is described.
        behind_proxies: Whether any proxies are trusted.
    """
    written: dict[str, PageFile] = {}

    @needs(key=False, rate=False)
    async def describe(request: Request) -> Response:
        prefix = prefix_of(request, behind_proxies)
        if prefix not in written:
            if len(written) == MAX_PREFIXES:
                written.clear()
            servers = {"servers": [{"url": prefix}]} if prefix else {}
            body = json.dumps({**api.openapi(), **servers}, ensure_ascii=False, separators=(",", ":")).encode()
            written[prefix] = PageFile.of(body, "application/json", DESCRIPTION_HEADERS)
        return written[prefix].answer(request)

    return describe


def prefix_of(request: Request, behind_proxies: bool) -> str:
    """Return the path below which a proxy offers this service: `root_path`, or what a trusted proxy says.

    Uvicorn takes a client's address from X-Forwarded-For only if the proxy is trusted, and then gives it port 0, which
    no connection has.
    """
    trusted = behind_proxies and request.client is not None and request.client.port == 0
    said = request.headers.get("x-forwarded-prefix", "") if trusted else ""
    prefix: str = said.strip().rstrip("/") or request.scope.get("root_path", "")
    return prefix if len(prefix) <= MAX_PREFIX_CHARACTERS and PREFIX.fullmatch(prefix) else ""
