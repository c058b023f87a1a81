"""Two replicas on Ray Serve under load: as fast as one server, and what a killed or a leaving replica costs.

pytest -s -m long tests/system/test_ray_load.py        takes five minutes on two cores; needs the extra ray

With -s it says what was measured. Sixteen clients share up to 2,000 requests for 64 different pictures.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import pytest

import tests.support.ray_environment  # noqa: F401 - before Ray

pytest.importorskip("ray.serve", reason="extra ray")

from benchmarks.pictures import different
from benchmarks.replicas import PICTURES, load, lone_answers, report
from tests.support.ray_serve import follow
from tests.support.server_process import running_server

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default"), pytest.mark.timeout(1800)]

REQUESTS = int(os.environ.get("REQUESTS", "2000"))
CLIENTS, STREAMS = 16, 4
LEAST_SHARE, MOST_FAILED = 0.85, 0.01
AUTOSCALING = {
    "min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 12,
    "upscale_delay_s": 2, "downscale_delay_s": 5, "look_back_period_s": 3, "metrics_interval_s": 1,
}  # fmt: skip
FEW = 2
"""Clients whose requests one replica bears beside twice `STREAMS`."""


@pytest.fixture(scope="module")
def pictures():
    return different(PICTURES)


@pytest.fixture(scope="module")
def plain(pictures, tmp_path_factory):
    """What `mien serve` with both cores does."""
    with running_server(tmp_path_factory.mktemp("plain")) as server:
        lone = asyncio.run(lone_answers(server.port, pictures))
        return asyncio.run(measured("mien serve", server.port, pictures, lone, range(REQUESTS // 2)))


@pytest.fixture(scope="module")
def lone(cluster, pictures):
    return asyncio.run(lone_answers(cluster.port, pictures))


async def measured(called, port, pictures, lone, requests, clients=CLIENTS):
    began_s = time.perf_counter()
    done = await load(port, pictures, requests, clients)
    found = report(lone, done, time.perf_counter() - began_s)
    sys.stdout.write(f"{called}: {json.dumps(found)}\n")
    return found


@asynccontextmanager
async def streams(cluster, right, called):
    """Follow streams meanwhile; yields a list that has their codes afterwards."""
    stop, codes = asyncio.Event(), []
    sessions = [await cluster.stream() for _ in range(STREAMS)]
    following = [asyncio.create_task(follow(session, right, stop)) for session in sessions]
    yield codes
    stop.set()
    codes += await asyncio.gather(*following)
    sys.stdout.write(f"{called}: streams ended with {codes}\n")


def test_two_replicas_are_as_fast_as_one_server_and_right(plain, cluster, pictures, lone):
    found = asyncio.run(measured("two replicas", cluster.port, pictures, lone, range(REQUESTS)))
    assert found["answers"] == {"200": REQUESTS}
    assert found["wrong"] == plain["wrong"] == 0
    assert found["per_second"] >= LEAST_SHARE * plain["per_second"]


def test_a_killed_replica_costs_under_a_hundredth(cluster, pictures, lone, right):
    def numbers():
        for number in range(REQUESTS):
            if number == REQUESTS // 4:
                os.kill(min(cluster.replicas()), signal.SIGKILL)
            yield number

    async def killed():
        async with streams(cluster, right, "one killed") as codes:
            found = await measured("one killed", cluster.port, pictures, lone, numbers())
        return found, codes

    found, codes = asyncio.run(killed())
    assert found["wrong"] == 0
    assert set(found["answers"]) <= {"200", "500"}
    assert found["failed_share"] < MOST_FAILED
    assert set(codes) <= {1000, 1006}
    cluster.wait_for({"RUNNING": 2})


def test_scaling_from_one_to_two_and_back_loses_nothing(cluster, pictures, lone, right):
    async def until(replicas, clients, called):
        """Load the replicas until there are so many, and for a while."""
        ready = asyncio.create_task(asyncio.to_thread(cluster.wait_for, {"RUNNING": replicas}))
        numbers = itertools.takewhile(lambda number: number < REQUESTS // 4 or not ready.done(), itertools.count())
        found = await measured(called, cluster.port, pictures, lone, numbers, clients)
        await ready
        return found

    async def scaled():
        async with streams(cluster, right, "opened while there was one") as early:
            found = [await until(2, CLIENTS, "one to two")]
            async with streams(cluster, right, "opened while there were two") as late:
                found.append(await until(1, FEW, "two to one"))
        return found, early + late

    cluster.deploy(1, autoscaling_config=AUTOSCALING)
    found, codes = asyncio.run(scaled())
    for each in found:
        assert each["answers"] == {"200": each["requests"]}
        assert each["wrong"] == 0
    assert set(codes) == {1000, 1001}
