"""Where a picture's time goes: the pipeline's functions are replaced by ones that also read the clock.

    python -m benchmarks.stages --seconds 5

Prints one JSON object.

No function of one stage calls one of another, so the shares add up; what none of them covers (boxes, softmax, copies,
Python) is the rest.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from app.faces import find as detector
from app.faces import pipeline as pipeline_module
from app.faces.pipeline import Pipeline
from app.faces.types import DetectOptions
from app.manifest import EMOTION
from benchmarks.bare import decode
from benchmarks.networks import load_pipeline
from benchmarks.pictures import photo_bytes
from benchmarks.results import Stages
from benchmarks.server import MEGABYTE

REST = "rest"


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a timed version of the function."""

        def call(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **named)
            self.seconds[stage] += time.perf_counter() - began
            return result

        return call

    @contextmanager
    def watching(self, targets: dict[str, tuple[object, str]]) -> Iterator[None]:
        """Time attributes of objects by stage, then restore them.

        Raises:
            AttributeError: If one is missing: the pipeline has changed, and `targets_of` must follow.
        """
        before = {stage: getattr(owner, name) for stage, (owner, name) in targets.items()}
        try:
            for stage, (owner, name) in targets.items():
                setattr(owner, name, self.timed(stage, before[stage]))
            yield
        finally:
            for stage, (owner, name) in targets.items():
                setattr(owner, name, before[stage])


def targets_of(pipeline: Pipeline) -> dict[str, tuple[object, str]]:
    """Return which attribute does the work of each stage."""
    return {
        "letterbox": (detector, "letterbox"),
        "detector": (pipeline.detector, "_network"),
        "NMS": (detector, "suppress"),
        "crop": (pipeline_module, "crop_faces"),
        "classify": (pipeline.classifiers[EMOTION], "_network"),
    }


def shares(pipeline: Pipeline, payload: bytes, seconds: float) -> dict[str, float]:
    """Return each stage's share of the time of pictures answered one by one; they sum to 1."""
    watch = Stopwatch()
    options = DetectOptions()
    decoding = watch.timed("decode", decode)
    with watch.watching(targets_of(pipeline)):
        pipeline.detect([decode(payload)], [options])
        watch.seconds.clear()
        began = time.perf_counter()
        while (whole := time.perf_counter() - began) < seconds:
            pipeline.detect([decoding(payload)], [options])
    stages = ("decode", *targets_of(pipeline))
    parts = {stage: watch.seconds[stage] / whole for stage in stages}
    return {**parts, REST: 1.0 - sum(parts.values())}


def gpu_megabytes() -> float | None:
    """Return the most memory of a GPU that PyTorch has held; None if it has not run."""
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_allocated() / MEGABYTE if torch is not None and torch.cuda.is_available() else None


def main(seconds: Annotated[float, typer.Option(help="Length.")] = 5.0) -> None:
    """Print the shares."""
    pipeline = load_pipeline()
    pipeline.warm_up()
    measured = shares(pipeline, photo_bytes(), seconds)
    typer.echo(Stages(shares=measured, gpu_mb=gpu_megabytes()).model_dump_json())


if __name__ == "__main__":
    typer.run(main)
