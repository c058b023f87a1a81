"""GET /livez and /readyz."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.api.deps import ServicesDep
from app.api.wire.problems import problem_responses
from app.errors import NotReady

router = APIRouter(tags=["service"])


class Status(BaseModel):
    """State of the service."""

    status: str


@router.head("/livez", include_in_schema=False)
@router.get("/livez", responses={503: {"model": Status, "description": "Only a restart helps."}})
async def livez(services: ServicesDep, response: Response) -> Status:
    """Whether the process works: 200, or 503 if the inference thread has ended and a restart is needed."""
    if services.engine.alive:
        return Status(status="alive")
    response.status_code = 503
    return Status(status="dead")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=problem_responses({503: "The server is starting, stopping or dead."}))
async def readyz(services: ServicesDep) -> Status:
    """Whether requests are served: 200 only after both networks have run once."""
    if not services.engine.ready:
        raise NotReady("The networks are not loaded.")
    return Status(status="ready")
