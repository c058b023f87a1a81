"""What app/transport takes for granted of Uvicorn and websockets beyond their documentation, in one place.

Uvicorn's protocols are classes to be chosen, not to be extended. They are extended here, so pyproject.toml bounds
Uvicorn's version. After raising the bound: if a test here fails, read what has changed before the list is changed.
"""

import ast
import asyncio
import inspect
import itertools
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import uvicorn
from packaging.requirements import Requirement
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.transport import head
from app.transport.http import ImpatientProtocol
from app.transport.parsing import ParsingProtocol
from app.transport.server import DrainingServer
from app.transport.websocket import ImpatientWebSocketProtocol
from tests.transport.support import answer_at_once

ROOT = Path(__file__).resolve().parents[2]

HTTP_METHODS = {
    "connection_made": "transport", "connection_lost": "exc", "data_received": "data", "eof_received": "",
    "on_message_begin": "", "on_headers_complete": "",
    "on_response_complete": "", "handle_websocket_upgrade": "", "send_400_response": "msg",
    "pause_writing": "", "resume_writing": "",
}  # fmt: skip
HTTP_ATTRIBUTES = {"client", "cycle", "flow", "loop", "pipeline", "server_state", "transport"}
PARSING_METHODS = {
    "on_message_begin": "", "on_url": "url", "on_header": "name value", "on_headers_complete": "", "on_body": "body",
    "on_message_complete": "", "send_400_response": "msg", "handle_websocket_upgrade": "",
}  # fmt: skip
PARSING_ATTRIBUTES = {"headers", "parser", "timeout_keep_alive_task", "url", "ws_protocol_class"}
FLOW = {"resume_reading": "", "pause_writing": "", "drain": ""}
CYCLE = {
    "disconnected", "keep_alive", "message_event", "more_body", "response_complete", "response_started",
    "waiting_for_100_continue",
}  # fmt: skip
PARSER = ("feed_data", "get_http_version", "get_method", "set_dangerous_leniencies", "should_upgrade")

WEBSOCKET_METHODS = {
    "connection_lost": "exc", "data_received": "data", "handle_cont": "event", "send_receive_event_to_app": "",
    "receive": "", "send": "message", "shutdown": "", "on_task_complete": "task",
}  # fmt: skip
WEBSOCKET_ATTRIBUTES = {
    "app", "close_sent", "conn", "curr_msg_data_type", "frames", "handshake_complete", "handshake_initiated", "loop",
    "queue", "read_paused", "transport", "writable",
}  # fmt: skip
WEBSOCKET_ATTRIBUTES_LATER = {"scope"}
"""Those that it has once the request is read."""
WEBSOCKET = WEBSOCKET_ATTRIBUTES | WEBSOCKET_ATTRIBUTES_LATER
CONNECTION = {"data_to_send": "", "fail": "code reason"}
CONNECTION_ATTRIBUTES = ("reader",)

SERVER_METHODS = {
    "handle_exit": "sig frame", "on_tick": "counter", "startup": "sockets", "shutdown": "sockets",
    "capture_signals": "",
}  # fmt: skip
SERVER_ATTRIBUTES = {"config", "force_exit", "lifespan", "server_state", "should_exit", "started"}
SERVER_ATTRIBUTES_LATER = {"servers"}
"""Those that it has once it listens."""


def check_signatures(owner, methods):
    for name, parameters in methods.items():
        found = [each for each in inspect.signature(getattr(owner, name)).parameters if each != "self"]
        assert found == parameters.split(), f"{owner.__name__}.{name}"


class Wire(asyncio.Transport):
    """A connection that keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written = b""

    def write(self, data):
        self.written += data

    def is_closing(self):
        return False

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def make_protocol(cls, **settings):
    config = uvicorn.Config(answer_at_once, lifespan="off", ws=WebSocketsSansIOProtocol)
    config.load()
    return cls(config=config, server_state=ServerState(), app_state={}, **settings)


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


def test_http():
    async def run():
        protocol = make_protocol(HttpToolsProtocol)
        protocol.connection_made(wire := Wire())
        protocol.data_received(b"GET /path HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        used = HTTP_ATTRIBUTES | PARSING_ATTRIBUTES
        assert {name for name in used if hasattr(protocol, name)} == used
        assert all(hasattr(protocol.parser, name) for name in PARSER)
        assert isinstance(protocol.flow.write_paused, bool)
        first, second = protocol.pipeline[-1][0], protocol.cycle  # the next request is the last of the queue
        assert first is second
        assert isinstance(second, RequestResponseCycle)
        assert {name for name in CYCLE if hasattr(second, name)} == CYCLE
        assert not second.response_complete
        await turns()
        assert second.response_complete
        assert wire.written.count(b"HTTP/1.1 200") == 2
        assert isinstance(protocol.timeout_keep_alive_task, asyncio.TimerHandle)  # the clock of an idle connection
        check_signatures(type(protocol.flow), FLOW)

    check_signatures(HttpToolsProtocol, HTTP_METHODS | PARSING_METHODS)
    check_signatures(FlowControl, {"pause_reading": "", "resume_reading": ""})
    asyncio.run(run())


def test_a_request_is_begun_by_the_two_callbacks_that_are_watched():
    """At the end of its headers, or when the answer before it is complete."""
    began = []

    class Watched(HttpToolsProtocol):
        def _start_asgi_task(self, cycle, app):
            began.append(inspect.stack()[1].function)
            super()._start_asgi_task(cycle, app)

    async def run():
        protocol = make_protocol(Watched)
        protocol.connection_made(Wire())
        protocol.data_received(b"GET /path HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        await turns(60)

    asyncio.run(run())
    assert began == ["on_headers_complete", "on_response_complete", "on_response_complete"]


VALUES = (None, b"websocket", b"WebSocket", b"h2c", b"websocket, h2c", b"")
CONNECTIONS = (None, b"upgrade", b"Upgrade", b"keep-alive , Upgrade", b"close", b"")


@pytest.mark.parametrize("repeated", [False, True])
def test_both_agree_on_what_asks_for_a_stream(repeated):
    protocol = object.__new__(HttpToolsProtocol)
    protocol.ws_protocol_class = WebSocketsSansIOProtocol
    choices = [(b"upgrade", VALUES), (b"connection", CONNECTIONS)] * (2 if repeated else 1)
    for values in itertools.product(*(each for _, each in choices)):
        headers = [(name, value) for (name, _), value in zip(choices, values, strict=True) if value is not None]
        protocol.headers = headers
        assert head.asks_for_websocket(headers) == protocol._should_upgrade(), headers


def test_websocket():
    async def run():
        protocol = make_protocol(WebSocketsSansIOProtocol)
        assert {name for name in WEBSOCKET_ATTRIBUTES if hasattr(protocol, name)} == WEBSOCKET_ATTRIBUTES
        assert isinstance(protocol.frames, list)
        check_signatures(type(protocol.conn), CONNECTION)
        assert all(hasattr(protocol.conn, name) for name in CONNECTION_ATTRIBUTES)
        protocol.conn.reader.feed_data(b"unread")
        protocol.conn.reader.discard()
        assert protocol.conn.events == list(protocol.conn.reader.buffer) == []

    check_signatures(WebSocketsSansIOProtocol, WEBSOCKET_METHODS)
    asyncio.run(run())


def test_server():
    check_signatures(uvicorn.Server, SERVER_METHODS)
    server = uvicorn.Server(config := uvicorn.Config(answer_at_once))
    config.load()
    server.lifespan = config.lifespan_class(config)  # as its `serve` does
    check_signatures(LifespanOn, {"shutdown": ""})
    assert "self.lifespan = config.lifespan_class(config)" in inspect.getsource(uvicorn.Server)
    assert {name for name in SERVER_ATTRIBUTES if hasattr(server, name)} == SERVER_ATTRIBUTES
    assert isinstance(server.server_state.connections, set)
    assert hasattr(server.config, "timeout_graceful_shutdown")


def shared_with_base(cls, base):
    """Return what a class of ours overrides or uses of its base: names after `self` or `super()` that are not its."""
    theirs = {name for name in (*vars(base), *re.findall(r"self\.(\w+)", inspect.getsource(base))) if name[:2] != "__"}
    used = set(vars(cls))
    for node in ast.walk(ast.parse(inspect.getsource(cls))):
        if isinstance(node, ast.Attribute):
            is_super = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super"
            if is_super or getattr(node.value, "id", "") == "self":
                used.add(node.attr)
    return used & theirs


@pytest.mark.parametrize(
    ("cls", "base", "methods", "attributes"),
    [
        (ImpatientProtocol, HttpToolsProtocol, HTTP_METHODS, HTTP_ATTRIBUTES),
        (ParsingProtocol, HttpToolsProtocol, PARSING_METHODS, PARSING_ATTRIBUTES),
        (
            ImpatientWebSocketProtocol,
            WebSocketsSansIOProtocol,
            WEBSOCKET_METHODS,
            WEBSOCKET_ATTRIBUTES | WEBSOCKET_ATTRIBUTES_LATER,
        ),
        (DrainingServer, uvicorn.Server, SERVER_METHODS, SERVER_ATTRIBUTES | SERVER_ATTRIBUTES_LATER),
    ],
)
def test_nothing_else_is_used_and_nothing_private(cls, base, methods, attributes):
    used = shared_with_base(cls, base)
    assert used == methods.keys() | attributes
    assert [name for name in used if name.startswith("_")] == []


def test_the_version_is_bounded_and_this_is_one_of_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [bound] = [each for each in map(Requirement, project["dependencies"]) if each.name == "uvicorn"]
    assert {each.operator for each in bound.specifier} == {">=", "<"}
    assert version("uvicorn") in bound.specifier
