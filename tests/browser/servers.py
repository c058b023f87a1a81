"""A server for the browser in a thread, that can go away and come back."""

import socket
import threading
import time

import uvicorn

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.conftest import FakePipeline

START_S = 120


class ThreadServer:
    """The application with the fake pipeline on one port; `stop` and `start` as often as wanted.

    Args:
        settings: As in app/config.py.
    """

    def __init__(self, **settings: object) -> None:
        self._settings = Settings(**settings)
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
        config = uvicorn.Config(app, port=self._port, log_level="error", timeout_graceful_shutdown=1)
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
