"""The server as a whole: when it stops by itself, and what it says then."""

import asyncio
import signal
import time

import httpx
import pytest

from app.config import Settings
from app.errors import DeviceLost
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from app.transport.server import STOPPING, make_server
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline
from tests.support.thread_server import ThreadServer


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


@pytest.fixture
def handlers():
    """Put back what handles signals in this process."""
    before = {each: signal.getsignal(each) for each in STOPPING}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_second_interrupt_waits_for_no_stream(handlers):
    class Endless:
        asked = False

        async def close(self, timeout_s):
            self.asked = True
            await asyncio.sleep(1000 * timeout_s)

    with ThreadServer(deadline_s=20) as running:
        running.server._streams = streams = Endless()
        started = time.monotonic()
        running.server.handle_exit(signal.SIGTERM, None)
        while not streams.asked:
            assert time.monotonic() - started < 30
            time.sleep(0.01)
        running.server.handle_exit(signal.SIGINT, None)
        running.thread.join(timeout=30)
        assert not running.thread.is_alive()
        assert time.monotonic() - started < 15
    assert not running.server.failed


@pytest.mark.parametrize("ignored", [True, False])
def test_a_hangup_that_is_ignored_stays_so(handlers, ignored):
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    settings, engine = Settings(), Engine(FakePipeline, EngineLimits())
    server = make_server(settings, create_app(settings, engine), engine)
    with server.capture_signals():
        assert signal.getsignal(signal.SIGTERM) == server.handle_exit
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else server.handle_exit)
    assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
