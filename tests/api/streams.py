"""What the tests of streams share: an app, pictures, and a fake whose gate makes every order of events certain."""

import asyncio
import threading

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

URL = "/detect/stream"


class GatedPipeline(FakePipeline):
    """Stops at each picture until the gate is opened once more."""

    def __init__(self):
        super().__init__()
        self.entered, self.gate = threading.Semaphore(0), threading.Semaphore(0)

    def detect(self, images, options):
        if images:
            self.entered.release()
            assert self.gate.acquire(timeout=30)
        return super().detect(images, options)


def serve(pipeline=None, queue_size=64, **settings):
    pipeline = pipeline or FakePipeline()
    limits = EngineLimits(max_pixels=1_000_000, queue_size=queue_size)
    return TestClient(create_app(Settings(**settings), Engine(lambda: pipeline, limits)))


def picture(seed=0):
    return encode(gradient(seed=seed))


def closing(session):
    with pytest.raises(WebSocketDisconnect) as raised:
        session.receive_json()
    return raised.value.code, raised.value.reason


def let_it_read(client):
    """Give the event loop the turns it needs to take all that was sent."""

    async def turns():
        for _ in range(500):
            await asyncio.sleep(0)

    client.portal.call(turns)


def open_streams(client):
    return client.portal.call(lambda: client.app.state.services.streams.open)
