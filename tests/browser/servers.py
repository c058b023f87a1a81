"""Servers for the browser: one real process, and one in a thread that can go away and come back."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import uvicorn

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.conftest import FakePipeline

ROOT = Path(__file__).resolve().parents[2]
START_S = 120


class RealServer:
    """`mien serve` with the weights that travel with the project, as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"

    def __enter__(self) -> "RealServer":
        command = [sys.executable, "-m", "app", "serve", "--port", "0"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._log.parent, env=environment)
        self.address = self._wait_for_address()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)

    def _wait_for_address(self) -> str:
        patience = time.monotonic() + START_S
        while time.monotonic() < patience and self._process.poll() is None:
            if found := re.search(r"running on (http://[\d.:]+)", self._log.read_text()):
                return found[1]
            time.sleep(0.05)
        self._process.kill()
        raise AssertionError(f"the server did not start:\n{self._log.read_text()}")


class KeyDoor:
    """Lets nobody ask without the key, as a server with API keys does; the page itself is open.

    Args:
        app: The application behind it.
        key: The key.
    """

    def __init__(self, app, key: str) -> None:
        self._app = app
        self._offer = f"key.{base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')}"
        self._header = (b"x-api-key", key.encode())

    async def __call__(self, scope, receive, send) -> None:
        if not scope.get("path", "").startswith("/detect"):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket" and scope["subprotocols"] == ["mien", self._offer]:
            await self._app(scope, receive, self._choose(send))
        elif scope["type"] == "http" and self._header in scope["headers"]:
            await self._app(scope, receive, send)
        else:
            kind = "websocket.http" if scope["type"] == "websocket" else "http"
            headers = [(b"content-type", b"application/problem+json")]
            body = json.dumps({"status": 401, "title": "Unauthorized", "detail": "Send an API key."}).encode()
            await send({"type": f"{kind}.response.start", "status": 401, "headers": headers})
            await send({"type": f"{kind}.response.body", "body": body})

    @staticmethod
    def _choose(send):
        async def send_choice(message) -> None:
            chosen = {"subprotocol": "mien"} if message["type"] == "websocket.accept" else {}
            await send({**message, **chosen})

        return send_choice


class ThreadServer:
    """The application with the fake pipeline on one port; `stop` and `start` as often as wanted.

    Args:
        key: What clients must know; empty: nothing.
        settings: As in app/config.py.
    """

    def __init__(self, key: str = "", **settings: object) -> None:
        self._key, self._settings = key, Settings(**settings)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "ThreadServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        engine = Engine(FakePipeline, EngineLimits())
        app = create_app(self._settings, engine)
        guarded = KeyDoor(app, self._key) if self._key else app
        config = uvicorn.Config(guarded, port=self._port, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        patience = time.monotonic() + START_S
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            assert time.monotonic() < patience, "the server did not start in time"
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
