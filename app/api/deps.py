"""What the routes need of the application, handed over through its state."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.api.body import BodyLimits
from app.api.stream_sessions import Streams
from app.metrics import Metrics
from app.serving.engine import Engine


@dataclass(frozen=True)
class Services:
    """Everything a route may use.

    Attributes:
        engine: Answers pictures.
        body_limits: Byte limits.
        metrics: What is counted.
        streams: The open sessions of WS /detect/stream.
    """

    engine: Engine
    body_limits: BodyLimits
    metrics: Metrics
    streams: Streams


def get_services(connection: HTTPConnection) -> Services:
    """Return the services of this application."""
    services: Services = connection.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
