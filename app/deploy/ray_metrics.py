"""The metrics of a replica through Ray, which exports those of all replicas of a machine at one address."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from ray.serve.metrics import Gauge


class MetricsOfReplica:
    """Hands all samples to Ray, under `ray_` and their own names; Ray adds which replica they are of.

    They are all gauges to Ray, counters and buckets, too: these only grow, so that `rate` and `histogram_quantile` of
    Prometheus read them as ever.

    Args:
        registry: The metrics of the replica.
        make_gauge: Makes one from its name, what it is and its labels.
    """

    def __init__(self, registry: CollectorRegistry, make_gauge: Callable[..., Any] = Gauge) -> None:
        self._registry, self._make_gauge = registry, make_gauge
        self._gauges: dict[str, Any] = {}

    def tell(self) -> None:
        """Hand over how they stand now."""
        for family in self._registry.collect():
            for sample in family.samples:
                gauge = self._gauges.get(sample.name)
                if gauge is None:
                    gauge = self._make_gauge(sample.name, family.documentation, tag_keys=tuple(sample.labels))
                    self._gauges[sample.name] = gauge
                gauge.set(sample.value, dict(sample.labels))
