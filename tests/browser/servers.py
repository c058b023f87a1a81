"""Servers for the browser: one real process, and one in a thread that can go away and come back."""

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


class ThreadServer:
    """The application with the fake pipeline on one port; `stop` and `start` as often as wanted."""

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
        config = uvicorn.Config(
            create_app(self._settings, engine), port=self._port, log_level="error", timeout_graceful_shutdown=1
        )
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
