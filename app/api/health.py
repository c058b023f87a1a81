"""GET /livez and /readyz."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.deps import ServicesDep
from app.api.guards.needs import needs
from app.api.wire.problems import problem_responses
from app.errors import NotReady
from app.serving.engine import Engine

router = APIRouter(tags=["service"])


class Status(BaseModel):
    """State of the service."""

    status: str


@needs(key=False, rate=False, place=False)
@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_model=Status, responses={503: {"model": Status, "description": "Only a restart helps."}})
async def livez(services: ServicesDep) -> JSONResponse:
    """Whether the process works: 200, or 503 if the inference thread has ended and a restart is needed."""
    return _liveness(services.engine)


@needs(key=False, rate=False, place=False)
@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    response_model=Status,
    responses=problem_responses({503: "The server is starting, stopping or dead."}),
)
async def readyz(services: ServicesDep) -> JSONResponse:
    """Whether requests are served: 200 only after both networks have run once."""
    return _readiness(services.engine)


def _liveness(engine: Engine) -> JSONResponse:
    if engine.alive:
        return JSONResponse({"status": "alive"})
    return JSONResponse({"status": "dead"}, 503)


def _readiness(engine: Engine) -> JSONResponse:
    if not engine.ready:
        raise NotReady("The networks are not loaded.")
    return JSONResponse({"status": "ready"})


PROBES: dict[str, Callable[[Engine], JSONResponse]] = {"/livez": _liveness, "/readyz": _readiness}


class ProbesMiddleware:
    """Answer the probes before any guard and before routing.

    They take no turn, key or place, and their query and body are not looked at, so that no other client can delay
    them. The routes above describe them in OpenAPI and refuse other methods.

    Args:
        app: The next ASGI application.
        engine: Whose state is told.
    """

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self.app, self._engine = app, engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            NotReady: If /readyz is asked too early or too late.
        """
        answer = PROBES.get(scope["path"]) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if answer is None:
            await self.app(scope, receive, send)
        else:
            await answer(self._engine)(scope, receive, send)
