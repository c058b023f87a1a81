"""`mien batch` beside the bare loop: the same pictures, the same pipeline, each in a process of its own.

    python -m benchmarks.archive FOLDER bare
    python -m benchmarks.archive FOLDER batch --out x.parquet

`bare` reads, decodes and answers one picture after the other and keeps nothing. Prints one JSON object: pictures a
second from the first picture to the last, and resident memory after the first tenth and at the end.
"""

import io
import json
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer

from app.batch.here import Here, Limits
from app.batch.run import Batch
from app.config import Settings
from app.counts import Counts
from app.faces.types import DetectOptions
from app.looking import read_bounded
from app.main import load_pipeline
from app.names import pictures_of
from app.pictures.open import decode_image
from app.pictures.workers import Workers

SETTINGS = Settings()
OPTIONS = DetectOptions()


class Meter:
    """Notes when the first picture began, and memory after the first tenth and at the end."""

    def __init__(self) -> None:
        self._began_s, self._process = time.perf_counter(), psutil.Process()
        self._seen = self._total = self._first_tenth = 0

    def tell(self, seen: int, total: int) -> None:
        """Hear that so many of all pictures are done; with 0, that they begin."""
        if not seen:
            self._began_s = time.perf_counter()
        elif not self._first_tenth and seen * 10 >= total:
            self._first_tenth = self._process.memory_info().rss
        self._seen, self._total = seen, total

    def result(self) -> dict[str, float]:
        """Return the figures."""
        took_s = time.perf_counter() - self._began_s
        return {
            "pictures": self._seen,
            "seconds": round(took_s, 1),
            "per_second": round(self._seen / took_s, 2),
            "mb_after_a_tenth": round(self._first_tenth / 1e6, 1),
            "mb_at_the_end": round(self._process.memory_info().rss / 1e6, 1),
        }


def bare(folder: Path, meter: Meter) -> None:
    """Answer one picture after the other."""
    files = list(pictures_of([folder], recursive=True))
    pipeline = load_pipeline(SETTINGS)
    pipeline.warm_up()
    with Workers() as workers:
        meter.tell(0, len(files))
        for number, file in enumerate(files, 1):
            payload = read_bounded(file, SETTINGS.max_image_bytes)
            pipeline.detect([decode_image(payload, SETTINGS.max_pixels, workers)], [OPTIONS])
            meter.tell(number, len(files))


def batch(folder: Path, out: Path, meter: Meter) -> None:
    """Run `mien batch`."""

    def tell(counts: Counts, names: int) -> None:
        meter.tell(counts.pictures, names)

    limits = Limits(SETTINGS.max_image_bytes, SETTINGS.max_pixels, SETTINGS.max_pixels_held, SETTINGS.decode_threads)
    here = Here(lambda: load_pipeline(SETTINGS), OPTIONS, limits)
    Batch([str(folder)], out, OPTIONS, limits, io.BytesIO()).run(here, False, tell)


def main(
    folder: Annotated[Path, typer.Argument(help="Pictures, all of them good.")],
    way: Annotated[str, typer.Argument(help="bare or batch.")],
    out: Annotated[Path, typer.Option(help="What batch writes.")] = Path("archive.parquet"),
) -> None:
    """Measure one of the two."""
    meter = Meter()
    if way == "bare":
        bare(folder, meter)
    else:
        batch(folder, out, meter)
    typer.echo(json.dumps({"way": way, **meter.result()}))


if __name__ == "__main__":
    typer.run(main)
