"""Ray Serve: each replica is the whole application that `mien serve` runs, networks included.

    serve run app.deploy.ray:build
    serve deploy deploy/ray/serve.yaml

Pictures are gathered by the engine of their replica, so nothing is gathered here; see docs/decisions/0050.
"""

import os
from collections.abc import Mapping
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from app.deploy.ray_metrics import MetricsOfReplica
from app.deploy.silence import Silence
from app.environment import check_keys_are_not_emptied, read_settings, with_threads
from app.errors import NotReady
from app.logs import configure_logging
from app.main import create_app, make_engine
from app.metrics import Metrics

HEALTH_CHECK_PERIOD_S = 2.0
"""Ray's controller asks each running replica so often whether it works, and a replica that is to stop no more."""

SILENT_S = 5 * HEALTH_CHECK_PERIOD_S
"""A replica that was not asked for so long is taken to be stopping."""

OTHERS = 4
"""Requests at once that are neither pictures nor streams."""


class Replica:
    """One replica; made and asked by Ray.

    Raises:
        SettingsError: If a setting is invalid.
    """

    def __init__(self) -> None:
        check_keys_are_not_emptied(os.environ)
        cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1.0)
        self._settings = with_threads(read_settings(), cpus)
        configure_logging(self._settings.log_level, self._settings.log_format)
        self._metrics = Metrics()
        self._engine = make_engine(self._settings, self._metrics)

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Make the application here, on the replica: it cannot be sent. Ray runs its lifespan then."""
        api = create_app(self._settings, self._engine, self._metrics)
        self._silence = Silence(SILENT_S, api.state.services.streams.send_away)
        self._told = MetricsOfReplica(self._metrics.registry)
        return api

    async def check_health(self) -> None:
        """Tell Ray whether this replica works.

        Raises:
            NotReady: If only a new replica helps.
        """
        self._silence.heard()
        self._told.tell()
        if not self._engine.alive:
            raise NotReady("The networks are dead: this replica must be replaced.")


def build(_: Mapping[str, Any] | None = None) -> Application:
    """Return the application for `serve run` and for config files; settings are the environment variables of Mien.

    Raises:
        SettingsError: If a setting is invalid.
    """
    check_keys_are_not_emptied(os.environ)
    settings = read_settings()
    deployment = serve.deployment(
        name="mien",
        max_ongoing_requests=settings.queue_size + settings.stream_max_sessions + OTHERS,
        health_check_period_s=HEALTH_CHECK_PERIOD_S,
        graceful_shutdown_timeout_s=SILENT_S + 2 * settings.deadline_s,
        logging_config={"enable_access_log": False},  # the replica's own says less about who asks for what
    )
    return deployment(serve.ingress()(Replica)).bind()
