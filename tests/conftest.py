"""Fixtures of all folders; what several folders share besides stands in tests/support."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline


@pytest.fixture
def fake_pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def client(fake_pipeline: FakePipeline) -> Iterator[TestClient]:
    settings = Settings(max_image_bytes=200_000, max_request_bytes=4_000_000, max_pixels=1_000_000)
    engine = Engine(lambda: fake_pipeline, EngineLimits(max_pixels=settings.max_pixels))
    with TestClient(create_app(settings, engine)) as test_client:
        yield test_client
