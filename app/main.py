"""The composition root: settings become an engine, an engine becomes an application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from limits import parse as parse_rate

from app import __version__
from app.api import detect, health, metrics, models, page, source
from app.api.deps import Services
from app.api.guards.access import AccessMiddleware
from app.api.guards.api_keys import ApiKeysMiddleware, describe_keys
from app.api.guards.cross_origin import CrossOriginMiddleware
from app.api.guards.needs import RouteTable
from app.api.guards.origin import OriginMiddleware
from app.api.guards.rate_limit import RateLimitMiddleware
from app.api.guards.request_id import RequestIdMiddleware
from app.api.guards.security_headers import SecurityHeadersMiddleware
from app.api.guards.shared_window import SharedWindow
from app.api.guards.slash import SlashMiddleware
from app.api.guards.uploads import UploadsMiddleware
from app.api.stream import session as stream
from app.api.stream.sessions import StreamLimits, Streams
from app.api.wire.problems import ProblemMiddleware, install_problem_handlers
from app.api.wire.schemas import model_names
from app.api.wire.uploads import BodyLimits
from app.config import Settings
from app.manifest import Manifest, load_manifest
from app.metrics import Metrics
from app.runtimes.processor import usable_cores
from app.serving.admission import Admission
from app.serving.engine import Engine
from app.serving.limits import FACES_WITH_A_SEARCH, EngineLimits
from app.serving.shares import with_reserve
from app.weights import default_weights_dir

if TYPE_CHECKING:
    from app.faces.pipeline import Pipeline

ROUTERS = (detect.router, stream.router, health.router, models.router, metrics.router, source.router)

STALL_S_PER_PICTURE = 8.0
"""A large batch counts as hung only after so long. A crowd of 300 faces takes 0.6 to 2 s on two cores."""

JSON_BYTES, JSON_BYTES_BESIDES = 3, 65_536
"""Half so many bytes of JSON for each byte of a picture: base64 takes 4/3, escapes and line ends some more."""

DESCRIPTION = """Finds the faces in a picture and says how likely each shows one of five expressions:
angry, happy, sad, surprise or neutral.

A facial expression is not a reading of a person's inner state. No picture is stored or logged.

**Live pictures:** the WebSocket `/detect/stream`, which OpenAPI cannot describe. A binary message is one encoded
picture, a frame; each is answered in order by a JSON message `frame.result`, `frame.error` or `frame.dropped`. Before
the first frame, `{"type": "session.update", "annotate": true}` and the like choose settings. All messages and close
codes stand in the project's `docs/api.md`, section "Live"."""


def load_pipeline(settings: Settings, most_faces: int | None = None) -> "Pipeline":
    """Load the networks that the settings describe.

    Args:
        settings: Where the networks are, and what runs them.
        most_faces: As in `Pipeline`.

    Raises:
        MienError: As `choose_runtime` and `Pipeline.load`.
    """
    from app.faces.pipeline import Pipeline  # importing OpenVINO or PyTorch takes a while: not on the event loop
    from app.runtimes.choose import choose_runtime

    runtime = choose_runtime(settings.runtime, settings.device, settings.precision, settings.threads)
    folder, attributes = settings.weights_dir or default_weights_dir(), settings.all_attributes
    return Pipeline.load(folder, runtime, settings.second_looks, most_faces, attributes)


def deployed(settings: Settings) -> Manifest:
    """Read what would be loaded.

    Raises:
        WeightsError: If the manifest cannot be read, or holds no network for an attribute.
    """
    return load_manifest(settings.weights_dir or default_weights_dir()).with_further(settings.all_attributes)


def make_engine(settings: Settings, metrics: Metrics) -> Engine:
    """Make the engine that the settings describe; nothing is loaded before its `start`."""
    limits = EngineLimits(
        max_batch_size=settings.max_batch_size,
        max_batch_wait_ms=settings.max_batch_wait_ms,
        queue_size=settings.queue_size,
        max_pixels=settings.max_pixels,
        max_face_pixels=settings.max_face_pixels,
        max_pixels_held=settings.max_pixels_held,
        deadline_s=settings.deadline_s,
        decode_threads=settings.decode_threads,
        long_threads=min(settings.decode_threads, max(1, usable_cores() - 1)),
        stall_after_s=max(EngineLimits.stall_after_s, STALL_S_PER_PICTURE * settings.max_batch_size),
    )
    return Engine(lambda: load_pipeline(settings, FACES_WITH_A_SEARCH), limits, metrics)


def make_streams(settings: Settings, admission: Admission) -> Streams:
    """Make the manager of the WS /detect/stream sessions."""
    limits = StreamLimits(
        max_frames_per_second=settings.stream_max_frames_per_second,
        max_frame_bytes=settings.stream_max_frame_bytes,
        idle_timeout_s=settings.stream_idle_timeout_s,
        tracking=settings.tracking,
        smoothing_s=settings.smoothing_s,
        search_every_s=settings.stream_search_every_s,
    )
    return Streams(limits, admission)


def create_app(
    settings: Settings | None = None, engine: Engine | None = None, counted: Metrics | None = None
) -> FastAPI:
    """Build the application.

    Args:
        settings: Default: from the environment.
        engine: Default: the one the settings describe; tests pass one with a fake pipeline.
        counted: The metrics that the engine reports to.

    Returns:
        The application; its lifespan starts and stops the engine.
    """
    settings = settings or Settings()
    counted = counted or Metrics()
    engine = engine or make_engine(settings, counted)
    engine.admission.bound_network(
        settings.max_requests,
        max(settings.max_body_bytes_held, with_reserve(settings.max_request_bytes)),
        settings.stream_max_sessions,
    )
    streams = make_streams(settings, engine.admission)
    _watch(engine, streams, counted)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await engine.start()
            names = model_names(engine.manifest, engine.manifest.further)
            counted.show_model(version=__version__, **names.model_dump())
            yield
        finally:
            await streams.close(settings.deadline_s)
            await engine.stop()

    api = FastAPI(
        title="Mien",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,  # SlashMiddleware serves these paths
        openapi_url=None,  # written anew for each request; app/api/page.py keeps it
        docs_url=None,
        redoc_url=None,
    )
    body_limits = BodyLimits(
        settings.max_image_bytes,
        settings.max_request_bytes,
        min(JSON_BYTES * settings.max_request_bytes // 2 + JSON_BYTES_BESIDES, engine.admission.body_bytes.largest),
    )
    api.state.services = Services(engine, body_limits, counted, streams)
    source.source_archive()  # read now, so that it is the source of the running code
    for router in ROUTERS:
        api.include_router(router)
    page.install_page(api, behind_proxies=settings.trusted_proxies is not None)
    install_problem_handlers(api)
    _add_middleware(api, settings, engine, counted)
    return api


def _add_middleware(api: FastAPI, settings: Settings, engine: Engine, counted: Metrics) -> None:
    """Wrap the routes, from the innermost layer to the outermost."""
    routes = RouteTable((*api.routes, *(route for router in ROUTERS for route in router.routes)))
    api.add_middleware(
        UploadsMiddleware, admission=engine.admission, timeout_s=settings.upload_timeout_s, routes=routes
    )
    if settings.rate_limit is not None:
        rate, storage = parse_rate(settings.rate_limit), settings.rate_limit_storage
        shared = None if storage is None else SharedWindow(storage.get_secret_value(), rate)
        api.add_middleware(RateLimitMiddleware, rate=rate, routes=routes, shared=shared)
    keys = settings.all_api_keys
    if keys:
        describe_keys(api, routes)
    api.add_middleware(ApiKeysMiddleware, keys=keys, routes=routes)
    api.add_middleware(health.ProbesMiddleware, engine=engine)
    api.add_middleware(OriginMiddleware, allowed=settings.all_cors_origins)
    api.add_middleware(ProblemMiddleware)
    if settings.all_cors_origins:
        api.add_middleware(CrossOriginMiddleware, allowed=settings.all_cors_origins)
    api.add_middleware(SecurityHeadersMiddleware)
    api.add_middleware(AccessMiddleware, metrics=counted, routes=routes)
    api.add_middleware(SlashMiddleware, routes=routes)
    api.add_middleware(RequestIdMiddleware)


def _watch(engine: Engine, streams: Streams, counted: Metrics) -> None:
    """Expose the state of the engine, the streams and the budgets as metrics."""
    budgets = engine.admission.budgets
    held = {name: partial(getattr, budget, "held") for name, budget in budgets.items()}
    capacity = {name: partial(getattr, budget, "capacity") for name, budget in budgets.items()}
    counted.watch_each("admission", "Held of each budget, by all clients", "budget", held)
    counted.watch_each("admission_capacity", "Most that is held of each budget", "budget", capacity)
    counted.watch("stream_sessions", "Open streams", lambda: streams.open)
    counted.watch("ready", "1 if requests are served", lambda: engine.ready)
    counted.watch(
        "pictures_in_work",
        "Pictures being decoded, waiting or in the networks",
        lambda: engine.admission.pictures_in_work,
    )
    counted.watch("pixels_held", "Pixels of all decoded pictures in memory", lambda: engine.admission.pixels.held)
