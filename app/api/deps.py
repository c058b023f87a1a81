"""What the routes need from the application, passed through its state."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.api.stream.sessions import Streams
from app.api.wire.uploads import BodyLimits
from app.metrics import Metrics
from app.serving.engine import Engine


@dataclass(frozen=True)
class Services:
    """Everything a route may use.

    Attributes:
        engine: Processes pictures.
        body_limits: Byte limits.
        metrics: The counters.
        streams: The open sessions of WS /detect/stream.
    """

    engine: Engine
    body_limits: BodyLimits
    metrics: Metrics
    streams: Streams


async def get_services(connection: HTTPConnection) -> Services:
    """Return the services of this application; a sync dependency would wait for one of forty threads."""
    services: Services = connection.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
