"""Runs of `mien batch` with the pipeline that needs no networks."""

import io
import zipfile
from pathlib import Path

from app.batch.here import Here, Limits
from app.batch.run import Batch
from app.faces.types import DetectOptions
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

LIMITS = Limits(max_bytes=50_000, max_pixels=1_000_000, held_pixels=3_000_000, threads=2)
PART = 20


def batch(
    given, out, pipeline=None, *, options=None, limits=LIMITS, stdin=b"", fresh=False, tell=lambda *_: None, **report
):
    sources, options = [str(each) for each in given], options or DetectOptions()
    labels = pipeline.manifest.further if pipeline else {}
    further = {each: labels[each] for each in options.attributes}
    run = Batch(sources, out, options, limits, io.BytesIO(stdin), PART, further, **report)
    return run.run(Here(lambda: pipeline or FakePipeline(), options, limits), fresh, tell)


def write_album(folder: Path, pictures: int, archived_every: int) -> None:
    """Write pictures, each of its own size; every tenth is none, and some go into an archive, `more.zip`."""
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for number in range(pictures):
            payload = b"no picture" if number % 10 == 9 else encode(gradient(40 + number, 30))
            if number % archived_every == archived_every - 1:
                archive.writestr(f"{number:03}.png", payload)
            else:
                (folder / f"{number:03}.png").write_bytes(payload)
