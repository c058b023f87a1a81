"""GET /metrics for Prometheus."""

from fastapi import APIRouter, Response

from app.api.deps import ServicesDep
from app.api.guards.needs import needs
from app.api.wire.problems import problem_responses
from app.metrics import MEDIA_TYPE

router = APIRouter(tags=["service"])


@needs(rate=False, place=False)
@router.head("/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problem_responses({401: "An API key is needed."})},
)
async def metrics(services: ServicesDep) -> Response:
    """Counters and timings in Prometheus' text format."""
    return Response(services.metrics.render(), headers={"Content-Type": MEDIA_TYPE})
