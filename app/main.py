"""The composition root: settings become an engine, an engine becomes an application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app import __version__
from app.api import detect, health, source, stream
from app.api.body import BodyLimits
from app.api.deps import Services
from app.api.page import install_page
from app.api.problems import install_problem_handlers
from app.api.request_id import RequestIdMiddleware
from app.api.stream_sessions import StreamLimits, Streams
from app.config import Settings
from app.serving.engine import Engine, EngineLimits
from app.vision.weights import default_weights_dir

if TYPE_CHECKING:
    from app.vision.pipeline import Pipeline

DESCRIPTION = """Finds the faces in a picture and says how likely each shows one of five expressions:
angry, happy, sad, surprise or neutral.

A facial expression is not a reading of a person's inner state. No picture is stored or logged."""


def make_engine(settings: Settings) -> Engine:
    """Make the engine that the settings describe; nothing is loaded before its `start`."""

    def load() -> "Pipeline":
        from app.vision.pipeline import Pipeline  # importing torch takes seconds: not on the event loop

        weights_dir = settings.weights_dir or default_weights_dir()
        return Pipeline.load(weights_dir, settings.device, settings.precision, settings.threads)

    limits = EngineLimits(
        max_batch_size=settings.max_batch_size,
        max_batch_wait_ms=settings.max_batch_wait_ms,
        queue_size=settings.queue_size,
        max_pixels=settings.max_pixels,
        deadline_s=settings.deadline_s,
        decode_threads=settings.decode_threads,
    )
    return Engine(load, limits)


def make_streams(settings: Settings) -> Streams:
    """Make the keeper of the sessions of WS /detect/stream."""
    limits = StreamLimits(
        max_sessions=settings.stream_max_sessions,
        max_frames_per_second=settings.stream_max_frames_per_second,
        max_frame_bytes=settings.stream_max_frame_bytes,
        idle_timeout_s=settings.stream_idle_timeout_s,
        origins=frozenset(settings.stream_origins),
        tracking=settings.tracking,
        smoothing_s=settings.smoothing_s,
    )
    return Streams(limits)


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: Default: from the environment.
        engine: Default: what the settings describe; tests pass one with a fake pipeline.

    Returns:
        The application; its lifespan starts and stops the engine.
    """
    settings = settings or Settings()
    engine = engine or make_engine(settings)
    streams = make_streams(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await engine.start()
            yield
        finally:
            await streams.close(settings.deadline_s)
            await engine.stop()

    api = FastAPI(
        title="Mien", version=__version__, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    api.state.services = Services(engine, BodyLimits(settings.max_image_bytes, settings.max_request_bytes), streams)
    api.include_router(detect.router)
    api.include_router(stream.router)
    api.include_router(health.router)
    api.include_router(source.router)
    install_page(api)
    api.add_middleware(RequestIdMiddleware)
    install_problem_handlers(api)
    return api
