"""Mien's pipeline hosted by LitServe, with LitServe's own batching.

python -m benchmarks.litserve_app --port 8000
"""

import os
from typing import Annotated, Any

import litserve
import typer
from fastapi import Request

from app.api.wire.schemas import DetectOut, detect_out, model_names
from app.config import Settings
from app.faces.pipeline import Pipeline
from app.faces.types import DetectOptions, ImageFaces
from app.pictures.open import decode_image
from app.pictures.types import Image
from app.runtimes.processor import usable_cores
from benchmarks.networks import load_pipeline

MAX_BATCH_SIZE = Settings.model_fields["max_batch_size"].default


class PipelineAPI(litserve.LitAPI):
    """The methods that LitServe requires: decode, predict a batch, encode."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the settings say where the pipeline computes
        """Load the pipeline in the worker process."""
        self.max_pixels = Settings().max_pixels
        self.pipeline: Pipeline = load_pipeline()
        self.pipeline.warm_up()

    def decode_request(self, request: Request, **_: Any) -> Image:
        """Decode one picture; LitServe reads the annotation and passes the request's form."""
        form: Any = request
        return decode_image(form["file"].file.read(), self.max_pixels)

    def predict(self, x: list[Image], **_: Any) -> list[ImageFaces]:
        """Answer a batch."""
        return self.pipeline.detect(x, [DetectOptions()] * len(x))

    def encode_response(self, output: ImageFaces, **_: Any) -> DetectOut:
        """Encode one answer, as Mien does."""
        return detect_out(output, model_names(self.pipeline.manifest))


def main(port: Annotated[int, typer.Option(help="Port to listen on.")]) -> None:
    """Serve on this machine only."""
    os.environ["OMP_NUM_THREADS"] = str(usable_cores())  # ultralytics has set it to 1, which the worker would inherit
    api = PipelineAPI(max_batch_size=MAX_BATCH_SIZE, api_path="/detect")
    server = litserve.LitServer(api, accelerator="auto")
    server.run(host="127.0.0.1", port=port, generate_client_file=False)


if __name__ == "__main__":
    typer.run(main)
