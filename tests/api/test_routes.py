"""What holds for every route, those of tomorrow included."""

import inspect

import anyio
import anyio.to_thread
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.routing import APIRoute, APIWebSocketRoute
from fastapi.testclient import TestClient
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route, WebSocketRoute

from app import main
from app.api.guards.needs import UNKNOWN, Needs, RouteTable, needs
from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline


def routes_of(owner):
    """Yield all routes; newer versions of FastAPI keep included routers as they are."""
    for each in owner.routes:
        inner = getattr(each, "original_router", None)
        if inner is None:
            yield each
        else:
            yield from routes_of(inner)


def calls_of(dependant):
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def is_async(call):
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def what_takes_a_thread(app):
    """Name what Starlette or FastAPI would run on one of their forty threads."""
    for route in routes_of(app):
        if isinstance(route, (APIRoute, APIWebSocketRoute)):
            calls = list(calls_of(route.dependant))
        else:
            assert isinstance(route, (Route, WebSocketRoute)), f"{route}: of what is mounted nothing is known"
            calls = [route.endpoint]
        yield from (f"{route.path}: {call.__name__}" for call in calls if not is_async(call))
    yield from (f"{handler.__name__}" for handler in app.exception_handlers.values() if not is_async(handler))


def make_app(**settings):
    return create_app(Settings(**settings), Engine(FakePipeline, EngineLimits()))


def test_nothing_is_sync():
    """Forty requests that wait for such a thread would keep every other request from being answered."""
    app = make_app(rate_limit="100/minute", api_keys="one", cors_origins="https://a.example")
    assert {"/detect", "/detect/stream", "/web/{path:path}"} <= {route.path for route in routes_of(app)}
    assert list(what_takes_a_thread(app)) == []
    assert [each.cls for each in app.user_middleware if issubclass(each.cls, BaseHTTPMiddleware)] == []


def test_what_is_sync_is_found():
    def depends():
        pass

    async def endpoint(_: None = Depends(depends)):
        pass

    def endpoint_of_starlette(_request):
        pass

    inner, app = APIRouter(), FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    inner.add_api_route("/one", endpoint)
    inner.add_api_route("/two", depends)
    app.include_router(inner)
    app.add_route("/three", endpoint_of_starlette)
    assert list(what_takes_a_thread(app)) == ["/one: depends", "/two: depends", "/three: endpoint_of_starlette"]


PATHS = (
    "/",
    "/livez",
    "/readyz",
    "/models",
    "/metrics",
    "/source",
    "/docs",
    "/openapi.json",
    "/web/app.js",
    "/nowhere",
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_all_that_is_only_read_is_answered_while_every_thread_is_taken(method):
    taken = []

    async def take_all():
        limiter = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(limiter.total_tokens)):
            taken.append(object())
            limiter.acquire_on_behalf_of_nowait(taken[-1])

    async def give_back():
        for each in taken:
            anyio.to_thread.current_default_thread_limiter().release_on_behalf_of(each)

    with TestClient(make_app()) as client:
        client.portal.call(take_all)
        try:
            statuses = {path: client.request(method, path).status_code for path in PATHS}
        finally:
            client.portal.call(give_back)
    assert statuses == {path: 404 if path == "/nowhere" else 200 for path in PATHS}


CLOSED = Needs()
TO_READ = Needs(key=False, rate=False)
PROBE = Needs(key=False, rate=False, place=False)
NEEDS = {
    "/": TO_READ,
    "/classify": CLOSED,
    "/detect": CLOSED,
    "/detect/batch": CLOSED,
    "/detect/stream": CLOSED,
    "/docs": TO_READ,
    "/docs/": TO_READ,
    "/livez": PROBE,
    "/metrics": Needs(rate=False, place=False),
    "/models": TO_READ,
    "/openapi.json": TO_READ,
    "/readyz": PROBE,
    "/source": TO_READ,
    "/web/swagger-ui/{path:path}": TO_READ,
    "/web/{path:path}": TO_READ,
}
"""A new route is added here by hand, so that somebody has thought about what it needs."""


def test_every_routes_needs_are_those_that_are_listed():
    routes = list(routes_of(make_app()))
    table = RouteTable(routes)
    assert {route.path: table[route.path].needs for route in routes} == NEEDS


async def read(_request):
    return Response("read")


@needs(key=False, rate=False)
async def read_openly(_request):
    return Response("read")


def test_a_route_that_says_nothing_is_closed_and_so_is_one_that_comes_later(monkeypatch):
    router = APIRouter()
    for path, endpoint in (("/closed", read), ("/open", read_openly), ("/open/{name}", read_openly)):
        router.add_route(path, endpoint)
    monkeypatch.setattr(main, "ROUTERS", (*main.ROUTERS, router))
    app = make_app(api_keys="one", rate_limit="2/hour")
    app.add_route("/later", read_openly)
    with TestClient(app) as client:
        statuses = {path: client.get(path).status_code for path in ("/closed", "/open", "/open/a", "/later")}
        assert statuses == {"/closed": 401, "/open": 200, "/open/a": 200, "/later": 401}
        key = {"X-API-Key": "one"}
        assert [client.get(path, headers=key).status_code for path in ("/closed", "/nowhere", "/closed")] == [
            200,
            404,
            429,
        ]
        assert client.get("/open").status_code == 200


def test_routes_that_share_a_path_need_what_any_of_them_needs():
    table = RouteTable([Route("/a", read_openly), Route("/a", read, methods=["POST"]), Route("/b/{c}/d", read_openly)])
    assert (table["/a"].needs, table["/b/x/d"].needs) == (CLOSED, TO_READ)
    assert [table[path] for path in ("/a/", "/b/x", "/b/x/y/d", "")] == [UNKNOWN] * 4
    assert UNKNOWN.needs == CLOSED
