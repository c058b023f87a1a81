"""The application on Ray Serve, in a cluster of one machine with the real weights: answers, streams, replicas that go.

pytest tests/system/test_ray_serve.py        needs the extra ray, and two minutes
"""

import asyncio
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import tests.support.ray_environment  # noqa: F401 - before Ray

pytest.importorskip("ray.serve", reason="extra ray")

import httpx2
import ray

from tests.support.ray_serve import PATIENCE_S, PHOTO, follow, is_right

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


def test_all_replicas_answer_as_the_networks_alone(cluster, right):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(cluster.detect, [PHOTO] * 40))
    assert all(status == 200 and is_right(answer["faces"], right) for status, answer in answers)


def test_bad_pictures_are_problems_of_ours(cluster):
    answer = httpx2.post(f"http://127.0.0.1:{cluster.port}/detect", content=b"no picture")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")


def test_a_stream_comes_through_the_proxy_in_order(cluster, right):
    async def stream():
        async with cluster.stream() as session:
            assert json.loads(await session.recv())["type"] == "session.created"
            for number in range(5):
                await session.send(PHOTO)
                answer = json.loads(await session.recv())
                assert (answer["type"], answer["seq"]) == ("frame.result", number)
                assert is_right(answer["faces"], right)

    asyncio.run(stream())


def test_a_killed_replica_costs_its_requests_only_and_is_replaced(cluster, right):
    before = cluster.replicas()
    assert len(before) == 2
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(cluster.detect, PHOTO) for _ in range(80)]
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
    async def scale():
        sessions = [await cluster.stream() for _ in range(8)]
        deployed = asyncio.Event()
        following = [asyncio.create_task(follow(session, right, deployed)) for session in sessions]
        await asyncio.to_thread(cluster.deploy, 1)
        deployed.set()
        return await asyncio.gather(*following)

    codes = asyncio.run(scale())
    assert 1001 in codes
    assert set(codes) <= {1000, 1001}  # 1000: of one that was to go yet when the new one was there
    status, answer = cluster.detect(PHOTO)
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
