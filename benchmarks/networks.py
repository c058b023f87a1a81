"""The pipeline as `mien serve` makes it, and how it describes itself."""

import sys

import torch

from app.config import Settings
from app.faces.pipeline import Pipeline
from app.runtimes.choose import THREADS_THERE
from app.runtimes.torch.device import computes_bf16
from app.weights import default_weights_dir
from benchmarks.results import Networks, Precision


def load_pipeline() -> Pipeline:
    """Load both networks with the environment's settings."""
    settings = Settings()
    weights_dir = settings.weights_dir or default_weights_dir()
    return Pipeline.load(weights_dir, settings.device, settings.precision, settings.threads, settings.runtime)


def describe(pipeline: Pipeline) -> Networks:
    """Describe how the pipeline computes."""
    return Networks(
        device=str(pipeline.device),
        runtime="openvino" if "openvino" in sys.modules else "torch",  # only imported if it runs the networks
        precision=_precision(pipeline.device),
        threads=Settings().threads or THREADS_THERE,
    )


def finish(pipeline: Pipeline) -> None:
    """Wait until a GPU has finished its work, so that a clock inside the pipeline is right."""
    if pipeline.device.type == "cuda":
        torch.cuda.synchronize(pipeline.device)


def _precision(device: torch.device) -> Precision:
    """Resolve the precision as `Pipeline.load` does."""
    precision = Settings().precision
    if precision == "auto":
        return "bf16" if computes_bf16(precision, device) else "fp32"
    return precision
