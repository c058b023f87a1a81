"""GET / for browsers, /docs, /openapi.json and the page's files: no third-party host is ever contacted.

These are plain routes of Starlette: FastAPI's would take the query apart, which nothing here reads.
"""

import json
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from app.api.guards.needs import needs
from app.api.pagefiles import FOLDERS, PageFile, page_files

INDEX = {"name": "Mien", "docs": "/docs", "models": "/models", "licence": "AGPL-3.0-or-later", "source": "/source"}
DESCRIPTION_HEADERS = {"Cache-Control": "no-cache"}


def install_page(api: FastAPI) -> None:
    """Add the page, its files and the documentation to the application."""
    page_files()  # read now, so that no request waits for the disk
    endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": index,
        "/docs": docs,
        "/docs/": to_docs,
        "/openapi.json": description_of(api),
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


def description_of(api: FastAPI) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of /openapi.json; the description is written once, when it is first asked for."""
    written: list[PageFile] = []

    @needs(key=False, rate=False)
    async def describe(request: Request) -> Response:
        if not written:
            body = json.dumps(api.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
            written.append(PageFile.of(body, "application/json", DESCRIPTION_HEADERS))
        return written[0].answer(request)

    return describe
