"""GET /models."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.deps import ServicesDep
from app.api.guards.needs import needs
from app.manifest import Card

router = APIRouter(tags=["service"])


class ModelsOut(BaseModel):
    """What is loaded, and what runs it."""

    runtime: str = Field(description="Library with version, precision and device.")
    networks: dict[str, Card] = Field(description="By name, as the manifest describes them.")


@needs(key=False, rate=False)
@router.head("/models", include_in_schema=False)
@router.get("/models")
async def models(services: ServicesDep) -> ModelsOut:
    """What is loaded: tasks, labels, sha256, metrics, licences."""
    return ModelsOut(runtime=services.engine.runtime, networks=services.engine.manifest.networks)
