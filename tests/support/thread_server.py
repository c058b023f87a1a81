"""A server for the browser in a thread, that can go away and come back; it is the one that `mien serve` runs."""

import signal
import threading
import time
from collections.abc import Callable

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from app.transport.server import make_server
from tests.support.pipeline import FakePipeline

START_S = 120


class ThreadServer:
    """The application with the fake pipeline on one port; `stop` and `start` as often as wanted.

    Args:
        make_pipeline: Makes the pipeline of each start.
        settings: As in app/config.py.

    Attributes:
        server: The last one that was started.
        engine: Its engine.
        thread: What runs it.
        address: Where it is, since the first start.
    """

    def __init__(self, make_pipeline: Callable[[], FakePipeline] = FakePipeline, **settings: object) -> None:
        self._make_pipeline = make_pipeline
        self._settings = Settings(port=0, **{"allowed_hosts": "*", **settings})

    def __enter__(self) -> "ThreadServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.engine = Engine(self._make_pipeline, EngineLimits())
        self.server = make_server(self._settings, create_app(self._settings, self.engine), self.engine)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        patience = time.monotonic() + START_S
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            assert time.monotonic() < patience, "the server did not start in time"
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self._settings = self._settings.model_copy(update={"port": port})  # of the next start, too
        self.address = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self.server.handle_exit(signal.SIGTERM, None)  # Python hands signals to the main thread only
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()
