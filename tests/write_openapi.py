"""Writes the OpenAPI snapshot anew: `python -m tests.write_openapi`."""

import json

from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline
from tests.test_frame import SNAPSHOT

if __name__ == "__main__":
    schema = create_app(engine=Engine(FakePipeline, EngineLimits())).openapi()
    SNAPSHOT.write_text(json.dumps(schema, indent=1) + "\n")
