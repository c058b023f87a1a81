"""Runs of `mien batch` with the pipeline that needs no networks."""

import io

from app.batch.here import Here, Limits
from app.batch.run import Batch
from app.faces.types import DetectOptions
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
