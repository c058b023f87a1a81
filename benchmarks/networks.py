"""The pipeline as `mien serve` makes it, and how it describes itself."""

from app.config import Settings
from app.faces.pipeline import Pipeline
from app.main import load_pipeline as load
from app.runtimes.processor import usable_cores
from benchmarks.results import Networks


def load_pipeline() -> Pipeline:
    """Load the networks with the environment's settings."""
    return load(Settings())


def describe(pipeline: Pipeline) -> Networks:
    """Describe how the pipeline computes."""
    settings = Settings()
    return Networks(runtime=pipeline.runtime, precision=settings.precision, threads=settings.threads or usable_cores())
