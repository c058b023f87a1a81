"""The pipeline in a loop without a server: the most this machine can do.

    python -m benchmarks.bare --seconds 5

Three loops over the same JPEG: one picture at a time in one thread; batches of 16 in one thread; and batches of 16
while two other threads decode the next one, as the server's do. Prints one JSON object.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated

import typer

from app.config import Settings
from app.faces.pipeline import Pipeline
from app.faces.types import DetectOptions, ImageFaces
from app.pictures.open import decode_image
from app.pictures.types import Image
from benchmarks.networks import describe, load_pipeline
from benchmarks.pictures import photo_bytes
from benchmarks.results import LoopName, LoopRun
from benchmarks.spread import spread

BATCH = 16
SETTINGS = Settings()
WARM_UP_SHARE = 0.2


def decode(payload: bytes) -> Image:
    """Decode as the server does."""
    return decode_image(payload, SETTINGS.max_pixels)


def repeat(step: Callable[[], list[ImageFaces]], seconds: float) -> LoopRun:
    """Repeat a step for some time, after a fifth of that time to warm up.

    Args:
        step: Answers some pictures, always the same number; even on a GPU the answers are ready when it returns.
        seconds: How long to measure; at least one step is measured.
    """
    warm = time.perf_counter() + WARM_UP_SHARE * seconds
    found = step()
    while time.perf_counter() < warm:
        step()
    times_s: list[float] = []
    end = time.perf_counter() + seconds
    while not times_s or time.perf_counter() < end:
        began = time.perf_counter()
        step()
        times_s.append(time.perf_counter() - began)
    return LoopRun(
        per_second=len(found) * len(times_s) / sum(times_s),
        faces=len(found[0].faces),
        step_ms=spread([each * 1e3 for each in times_s]),
    )


class Overlapped:
    """Batches, each answered while the next one is decoded.

    Args:
        pipeline: Answers the batches.
        payload: The picture.
        pool: Decodes the pictures.
    """

    def __init__(self, pipeline: Pipeline, payload: bytes, pool: ThreadPoolExecutor) -> None:
        self._pipeline, self._payload, self._pool = pipeline, payload, pool
        self._next = self._begin()

    def __call__(self) -> list[ImageFaces]:
        """Answer a batch."""
        images = [each.result() for each in self._next]
        self._next = self._begin()
        return self._pipeline.detect(images, [DetectOptions()] * BATCH)

    def _begin(self) -> list[Future[Image]]:
        return [self._pool.submit(decode, self._payload) for _ in range(BATCH)]


def loops(pipeline: Pipeline, payload: bytes, seconds: float) -> dict[LoopName, LoopRun]:
    """Measure the three loops."""
    options = [DetectOptions()] * BATCH

    def one() -> list[ImageFaces]:
        return pipeline.detect([decode(payload)], options[:1])

    def batch() -> list[ImageFaces]:
        return pipeline.detect([decode(payload) for _ in range(BATCH)], options)

    measured: dict[LoopName, LoopRun] = {
        "one by one": repeat(one, seconds),
        "batches of 16": repeat(batch, seconds),
    }
    with ThreadPoolExecutor(SETTINGS.decode_threads) as pool:
        measured["decode overlapped"] = repeat(Overlapped(pipeline, payload, pool), seconds)
    return measured


def main(seconds: Annotated[float, typer.Option(help="Length of each loop.")] = 5.0) -> None:
    """Print how the pipeline computes and what the loops reach."""
    pipeline, payload = load_pipeline(), photo_bytes()
    pipeline.warm_up()
    measured = {name: run.model_dump() for name, run in loops(pipeline, payload, seconds).items()}
    typer.echo(json.dumps({"networks": describe(pipeline).model_dump(), "loops": measured}))


if __name__ == "__main__":
    typer.run(main)
