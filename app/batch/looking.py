"""Where `mien batch` looks at pictures: here, or on a cluster."""

from functools import partial

from app.batch.cluster import OnCluster
from app.batch.here import Here, Limits, Looking
from app.config import Settings
from app.environment import with_threads
from app.faces.types import DetectOptions
from app.main import load_pipeline

CPUS = 2
"""Of a pipeline on a cluster, where the settings do not say how many threads it has."""


def looking_of(cluster: str | None, settings: Settings, options: DetectOptions, limits: Limits) -> Looking:
    """Return what looks at the pictures.

    Args:
        cluster: Address of a Ray cluster; None: this process does.
        settings: Say what runs the networks.
        options: For every picture.
        limits: Bounds.

    Raises:
        InvalidRequest: If there is no such cluster.
    """
    if cluster is None:
        return Here(partial(load_pipeline, settings), options, limits)
    settings = with_threads(settings, CPUS)
    load = partial(load_pipeline, settings)
    return OnCluster(cluster, load, options, limits, settings.threads, int(settings.device.startswith("cuda")))
