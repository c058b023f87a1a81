"""The server as a whole: when it stops by itself, and what it says then."""

import httpx

from app.config import Settings
from app.errors import DeviceLost
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from app.transport.server import make_server
from tests.browser.servers import ThreadServer
from tests.conftest import FakePipeline, encode, gradient


def test_a_server_whose_engine_is_dead_stops_and_says_that_it_failed(caplog):
    class Lost(FakePipeline):
        def detect(self, images, options):
            if images:
                raise DeviceLost("gone")
            return super().detect(images, options)

    with ThreadServer(Lost) as running:
        answer = httpx.post(f"{running.address}/detect", content=encode(gradient()), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "device_lost")
        running.thread.join(timeout=30)
        assert not running.thread.is_alive()
    assert running.server.failed
    assert "the networks are dead" in caplog.text


def test_a_server_that_was_asked_to_stop_has_not_failed():
    settings, engine = Settings(), Engine(FakePipeline, EngineLimits())
    assert make_server(settings, create_app(settings, engine), engine).failed  # it has not started
    with ThreadServer() as running:
        pass
    assert not running.server.failed
