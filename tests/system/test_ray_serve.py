"""The application on Ray Serve, in a cluster of one machine with the real weights: answers, streams, replicas that go.

pytest tests/system/test_ray_serve.py        needs the extra ray, and two minutes
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

pytest.importorskip("ray.serve", reason="extra ray")

import httpx2
import psutil
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

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]

PHOTO = ROOT / "app/web/samples/astronaut.jpg"
PATIENCE_S = 180


class Cluster:
    """Ray Serve on this machine, with replicas of one CPU each."""

    def __init__(self):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        serve.start(http_options={"host": "127.0.0.1", "port": self.port})

    def deploy(self, replicas):
        deployment = build({})._bound_deployment
        deployment = deployment.options(num_replicas=replicas, ray_actor_options={"num_cpus": 1})
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


@pytest.fixture(scope="module")
def cluster():
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray.init(num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False)
    try:
        cluster = Cluster()
        cluster.deploy(2)
        yield cluster
    finally:
        serve.shutdown()
        ray.shutdown()


@pytest.fixture(scope="module")
def right():
    pipeline = load_pipeline(Settings(threads=1))
    [found] = pipeline.detect([decode_image(PHOTO.read_bytes(), 50_000_000)], [DetectOptions()])
    return answer_of(found, pipeline.manifest, ())["faces"]


def is_right(faces, right):
    assert len(faces) == len(right) > 0
    for mine, theirs in zip(faces, right, strict=True):
        assert mine["box"] == pytest.approx(theirs["box"], abs=1)
        assert mine["probabilities"] == pytest.approx(theirs["probabilities"], abs=0.02)
    return True


def test_all_replicas_answer_as_the_networks_alone(cluster, right):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(cluster.detect, [PHOTO.read_bytes()] * 40))
    assert all(status == 200 and is_right(answer["faces"], right) for status, answer in answers)


def test_bad_pictures_are_problems_of_ours(cluster):
    answer = httpx2.post(f"http://127.0.0.1:{cluster.port}/detect", content=b"no picture")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


def test_a_stream_comes_through_the_proxy_in_order(cluster, right):
    async def stream():
        async with cluster.stream() as session:
            assert json.loads(await session.recv())["type"] == "session.created"
            for number in range(5):
                await session.send(PHOTO.read_bytes())
                answer = json.loads(await session.recv())
                assert (answer["type"], answer["seq"]) == ("frame.result", number)
                assert is_right(answer["faces"], right)

    asyncio.run(stream())


def test_a_killed_replica_costs_its_requests_only_and_is_replaced(cluster, right):
    before = cluster.replicas()
    assert len(before) == 2
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(cluster.detect, PHOTO.read_bytes()) for _ in range(80)]
        asked[8].result()
        os.kill(min(before), signal.SIGKILL)
        answers = [each.result() for each in asked]
    assert {status for status, _ in answers} <= {200, 500}
    assert all(is_right(answer["faces"], right) for status, answer in answers if status == 200)
    assert sum(status == 500 for status, _ in answers) <= 8
    patience = time.monotonic() + PATIENCE_S
    while len(cluster.replicas()) < 2 or cluster.states() != {"RUNNING": 2}:
        assert time.monotonic() < patience
        time.sleep(0.1)


def test_replicas_that_a_new_deployment_replaces_close_their_streams_with_1001(cluster, right):
    async def follow(session, ready):
        number = 0
        await session.recv()
        try:
            while number < 2 or not ready.is_set():
                await session.send(PHOTO.read_bytes())
                answer = json.loads(await session.recv())
                assert answer["seq"] == number
                assert is_right(answer["faces"], right)
                number += 1
                await asyncio.sleep(0.3)
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code
        await session.close()
        return 1000

    async def scale():
        sessions = [await cluster.stream() for _ in range(8)]
        deployed = asyncio.Event()
        following = [asyncio.create_task(follow(session, deployed)) for session in sessions]
        await asyncio.to_thread(cluster.deploy, 1)
        deployed.set()
        return await asyncio.gather(*following)

    codes = asyncio.run(scale())
    assert 1001 in codes
    assert set(codes) <= {1000, 1001}  # 1000: of one that was to go yet when the new one was there
    status, answer = cluster.detect(PHOTO.read_bytes())
    assert status == 200
    assert is_right(answer["faces"], right)


def test_metrics_of_the_replicas_stand_at_one_address(cluster):
    address = f"http://127.0.0.1:{ray.nodes()[0]['MetricsExportPort']}/metrics"
    patience = time.monotonic() + PATIENCE_S
    while "ray_mien_pictures_in_work{" not in (text := httpx2.get(address).text):
        assert time.monotonic() < patience, text[:2000]
        time.sleep(1)
    [line, *_] = [line for line in text.splitlines() if line.startswith("ray_mien_pictures_in_work{")]
    assert 'replica="' in line
