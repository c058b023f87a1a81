"""schemathesis asks what the OpenAPI schema allows, and what it forbids: never a 500, never an undocumented answer."""

import asyncio

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline


class LastingEngine(Engine):
    """schemathesis starts and stops the application around every request."""

    async def stop(self) -> None:
        """Go on."""


engine = LastingEngine(FakePipeline, EngineLimits())
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(engine=engine))


@pytest.fixture(scope="module", autouse=True)
def started_engine():
    asyncio.run(engine.start())
    yield
    asyncio.run(Engine.stop(engine))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@schema.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_interface_keeps_its_word(case):
    case.call_and_validate(checks=[not_a_server_error, content_type_conformance, response_schema_conformance])
