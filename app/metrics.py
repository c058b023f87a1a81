"""Prometheus metrics in their own registry; every label has few possible values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

MEDIA_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COUNTS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "WEBSOCKET"})


class Metrics:
    """All metrics; also an observer of the engine (`app.serving.observer.EngineObserver`)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Answers", "method", "route", "status")
        self._request_seconds = self._histogram("request_seconds", "From first byte in to last byte out", "route")
        self._in_flight = Gauge("mien_requests_in_flight", "Requests being answered", registry=self.registry)
        self._rejections = self._counter(
            "rejections", "Errors told to clients, entries of a batch and frames of a stream included", "code"
        )
        self._decode_seconds = self._histogram("decode_seconds", "Decoding one picture, waits for a thread included")
        self._queue_wait_seconds = self._histogram("queue_wait_seconds", "From decoded until its batch begins")
        self._detect_seconds = self._histogram("detect_seconds", "Detector, a batch")
        self._classify_seconds = self._histogram("classify_seconds", "Classifier on the faces of a batch")
        self._batch_size = self._histogram("batch_size", "Pictures in a batch", buckets=COUNTS)
        self._faces = self._histogram("faces_per_picture", "Faces found in a picture", buckets=COUNTS)
        self._model = Info("mien_model", "Weights and version in use", registry=self.registry)
        self._stream_frames = self._counter("stream_frames", "Frames by outcome: answered, dropped, failed", "outcome")

    def request_began(self) -> None:
        """A request arrived."""
        self._in_flight.inc()

    def request_ended(self, method: str, route: str, status: int, seconds: float, code: str | None) -> None:
        """A request was answered.

        Args:
            method: HTTP method, or WEBSOCKET.
            route: The route's template, never the raw path.
            status: HTTP status; 101 for an opened stream.
            seconds: How long it took.
            code: The problem's code, if it was answered with one.
        """
        self._in_flight.dec()
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        if method != "WEBSOCKET":
            self._request_seconds.labels(route).observe(seconds)
        if code is not None:
            self.rejected(code)

    def rejected(self, code: str) -> None:
        """An error was sent to a client."""
        self._rejections.labels(code).inc()

    def decoded(self, seconds: float) -> None:
        """A picture was decoded."""
        self._decode_seconds.observe(seconds)

    def batch_began(self, waited_s: Sequence[float]) -> None:
        """A batch enters the networks."""
        self._batch_size.observe(len(waited_s))
        for seconds in waited_s:
            self._queue_wait_seconds.observe(seconds)

    def batch_detected(self, detect_s: float, classify_s: float, faces: Sequence[int]) -> None:
        """A detection batch is done."""
        self._detect_seconds.observe(detect_s)
        self._classify_seconds.observe(classify_s)
        for count in faces:
            self._faces.observe(count)

    def stream_frame(self, outcome: Literal["answered", "dropped", "failed"]) -> None:
        """A stream frame got its reply."""
        self._stream_frames.labels(outcome).inc()

    def show_model(self, **names: str) -> None:
        """Name what is loaded."""
        self._model.info(names)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Export a value that is computed whenever the metrics are read."""
        Gauge(f"mien_{name}", description, registry=self.registry).set_function(value)

    def watch_each(self, name: str, description: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Export several such values under one name, told apart by a label."""
        gauge = Gauge(f"mien_{name}", description, (label,), registry=self.registry)
        for each, value in values.items():
            gauge.labels(each).set_function(value)

    def render(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"mien_{name}", description, labels, registry=self.registry)

    def _histogram(self, name: str, description: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(f"mien_{name}", description, labels, registry=self.registry, buckets=buckets)
