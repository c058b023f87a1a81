"""The application on Ray Serve, in a cluster of this machine: replicas with one CPU each."""

import asyncio
import json
import socket
import time
from contextlib import closing, contextmanager

import httpx2
import psutil
import pytest
import ray
from ray import serve
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.config import Settings
from app.deploy.ray import build
from app.faces.types import DetectOptions
from app.looking import answer_of
from app.main import load_pipeline
from app.pictures.open import decode_image
from tests.support.server_process import ROOT

PHOTO = (ROOT / "app/web/samples/astronaut.jpg").read_bytes()
PATIENCE_S = 180


class Cluster:
    """Ray Serve, through its proxy.

    Attributes:
        port: Of the proxy.
    """

    def __init__(self):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        serve.start(http_options={"host": "127.0.0.1", "port": self.port})

    def deploy(self, replicas, **options):
        """Deploy anew, and wait for so many replicas."""
        options = options or {"num_replicas": replicas}
        deployment = build({})._bound_deployment.options(ray_actor_options={"num_cpus": 1}, **options)
        serve.run(deployment.bind(), name="mien", route_prefix="/")
        self.wait_for({"RUNNING": replicas})

    def wait_for(self, states):
        patience = time.monotonic() + PATIENCE_S
        while self.states() != states:
            assert time.monotonic() < patience, self.states()
            time.sleep(0.1)

    def states(self):
        deployment = serve.status().applications["mien"].deployments["mien"]
        return {
            str(state.value if hasattr(state, "value") else state): n
            for state, n in deployment.replica_states.items()
            if n
        }

    def replicas(self):
        below = psutil.Process().children(recursive=True)
        return {each.pid for each in below if "ray::ServeReplica:mien" in " ".join(each.cmdline())}

    def detect(self, payload):
        answer = httpx2.post(f"http://127.0.0.1:{self.port}/detect", content=payload, timeout=60)
        return answer.status_code, answer.json() if answer.status_code == 200 else None

    def stream(self):
        return connect(f"ws://127.0.0.1:{self.port}/detect/stream", max_size=None)


@contextmanager
def ray_serve():
    """Start a cluster of two CPUs, and end it; `tests.support.ray_environment` was imported before."""
    ray.init(num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False)
    try:
        yield Cluster()
    finally:
        serve.shutdown()
        ray.shutdown()


def right_faces():
    """Return what the networks alone say of `PHOTO`."""
    pipeline = load_pipeline(Settings(threads=1))
    [found] = pipeline.detect([decode_image(PHOTO, 50_000_000)], [DetectOptions()])
    return answer_of(found, pipeline.manifest, ())["faces"]


def is_right(faces, right):
    assert len(faces) == len(right) > 0
    for mine, theirs in zip(faces, right, strict=True):
        assert mine["box"] == pytest.approx(theirs["box"], abs=1)
        assert mine["probabilities"] == pytest.approx(theirs["probabilities"], abs=0.02)
    return True


async def follow(session, right, stop):
    """Send `PHOTO` and take its answer, again and again until `stop`; each must be right and come in order.

    Returns:
        The code with which the stream was closed: 1000 if by this side, 1006 if it broke off without one.
    """
    number = 0
    await session.recv()
    try:
        while number < 2 or not stop.is_set():
            await session.send(PHOTO)
            answer = json.loads(await session.recv())
            assert answer["seq"] == number
            assert is_right(answer["faces"], right)
            number += 1
            await asyncio.sleep(0.3)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    await session.close()
    return 1000
