"""One rate over several servers, in a Redis or Valkey of the test's own."""

import asyncio
import logging
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing, contextmanager

import pytest
from fastapi.testclient import TestClient
from limits import parse

from app.api.guards.shared_window import APART_S, SharedWindow
from app.config import Settings
from app.environment import read_settings
from app.errors import SettingsError
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
with_storage = pytest.mark.skipif(PROGRAM is None, reason="no redis-server: apt-get install redis-server")


class Storage:
    """A server that can go away and come back."""

    def __init__(self, port):
        self.address = f"redis://127.0.0.1:{port}/0"
        self._command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        while "eady to accept connections" not in (line := self.process.stdout.readline()):
            assert line, "it did not start"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def storage():
    pytest.importorskip("redis", reason="extra redis")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    storage = Storage(port)
    try:
        yield storage
    finally:
        storage.stop()


@contextmanager
def server(address, rate="3/hour"):
    settings = Settings(rate_limit=rate, rate_limit_storage=address)
    with TestClient(create_app(settings, Engine(FakePipeline, EngineLimits()))) as client:
        yield client


def codes(*clients):
    return [client.post("/detect").status_code for client in clients]


@with_storage
def test_servers_count_together(storage):
    with server(storage.address) as one, server(storage.address) as other:
        assert codes(one, other, one, other, one) == [400, 400, 400, 429, 429]
        wait_s = int(other.post("/detect").headers["retry-after"])
    assert 3500 < wait_s <= 3601
    with server(storage.address) as anew:
        assert codes(anew) == [429]


@with_storage
def test_the_same_stretch_of_time_counts_everywhere(storage):
    async def asked():
        one, other = (SharedWindow(storage.address, parse("2/second")) for _ in range(2))
        try:
            waits = [await window.wait_s("a") for window in (one, other, one)]
            assert waits[:2] == [0, 0]
            assert 0 < waits[2] <= 1
            assert await other.wait_s("b") == 0
            await asyncio.sleep(waits[2] + 0.01)
            assert await other.wait_s("a") == 0
        finally:
            await one.close()
            await other.close()

    asyncio.run(asked())


@with_storage
def test_while_the_storage_is_away_each_server_counts_by_itself(storage, caplog):
    with server(storage.address) as one, server(storage.address) as other:
        assert codes(one, one, other) == [400] * 3
        storage.stop()
        caplog.clear()
        assert codes(one, one, one, one) == [400, 400, 400, 429]
        assert codes(other) == [400]
        told = [record for record in caplog.records if record.name == "app.api.guards.shared_window"]
    assert [record.levelno for record in told] == [logging.WARNING] * 2  # once a server
    assert all("127.0.0.1" not in record.getMessage() for record in told)


@with_storage
def test_a_storage_that_comes_back_is_asked_again(storage):
    now_s = 0.0
    storage.stop()

    async def asked():
        nonlocal now_s
        window = SharedWindow(storage.address, parse("1/hour"), lambda: now_s)
        try:
            assert await window.wait_s("a") is None
            await asyncio.to_thread(storage.start)
            now_s = APART_S - 1
            assert await window.wait_s("a") is None
            now_s = APART_S
            assert await window.wait_s("a") == 0
            assert await window.wait_s("a") > 0
        finally:
            await window.close()

    asyncio.run(asked())


@with_storage
def test_a_storage_that_hangs_holds_no_request_for_long(storage):
    async def asked():
        window = SharedWindow(storage.address, parse("1/hour"))
        storage.process.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        try:
            assert await window.wait_s("a") is None
            return time.monotonic() - began_s
        finally:
            storage.process.send_signal(signal.SIGCONT)
            await window.close()

    assert asyncio.run(asked()) < 5  # usually a quarter second


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "http://a", "redis://", "memcached://a", "redis:///0"])
def test_what_is_no_address_stops_the_start_and_is_not_told(address):
    with pytest.raises(SettingsError, match="write redis://") as told:
        read_settings(rate_limit="1/hour", rate_limit_storage=address)
    assert f"{address} " not in str(told.value)


def test_an_address_with_a_wrong_port_stops_the_start():
    pytest.importorskip("redis", reason="extra redis")
    with pytest.raises(SettingsError, match="MIEN_RATE_LIMIT_STORAGE is no address"):
        SharedWindow("redis://127.0.0.1:many/0", parse("1/hour"))


def test_a_storage_without_a_rate_stops_the_start():
    with pytest.raises(ValueError, match="MIEN_RATE_LIMIT_STORAGE does nothing without MIEN_RATE_LIMIT"):
        Settings(rate_limit_storage="redis://127.0.0.1")
