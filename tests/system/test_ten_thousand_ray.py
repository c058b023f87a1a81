"""`mien batch --ray` over ten thousand pictures, with the real networks on two machines: the rows of a run without Ray.

PICTURES=2048 pytest -s -m long tests/system/test_ten_thousand_ray.py      ten minutes on two cores; wants the extra ray

With -s it says what each run took. Both machines are processes of this one, with a core each.
"""

import os
import subprocess
import sys
import time

import pytest

import tests.support.ray_environment  # noqa: F401 - before Ray

pytest.importorskip("ray.data", reason="extra ray")

import ray
from ray.cluster_utils import Cluster

from tests.support.album import write_mixed_album
from tests.support.server_process import ROOT

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default"), pytest.mark.timeout(4 * 3600)]

PICTURES = int(os.environ.get("PICTURES", "10000"))
MACHINE = {"num_cpus": 1, "object_store_memory": 100_000_000}


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    return write_mixed_album(tmp_path_factory.mktemp("album"), PICTURES)


@pytest.fixture(scope="module")
def right(album, tmp_path_factory):
    """The rows without Ray, with the threads that a pipeline has on each of the machines; and how long that took."""
    out = tmp_path_factory.mktemp("right") / "x.parquet"
    took_s = finish(started(album, out, threads=1), "without Ray, one thread")
    return out.read_bytes(), took_s


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args=MACHINE)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def started(album, out, *options, threads):
    command = [sys.executable, "-m", "app", "batch", album, "--out", out, *options]
    environment = {**os.environ, "MIEN_THREADS": str(threads)}
    return time.monotonic(), subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(run, called):
    began_s, process = run
    _, said = process.communicate()
    assert process.returncode == 0, said
    took_s = time.monotonic() - began_s
    [summary] = [line for line in said.splitlines() if line.startswith(f"{PICTURES:,} pictures, ")]
    sys.stdout.write(f"{called}: {took_s:.1f} s in all; {summary}\n")
    return took_s


def test_one_machine_beside_none(album, tmp_path):
    """What Ray costs: the same pipeline with the same threads, here and in a cluster of this machine."""
    finish(started(album, tmp_path / "here.parquet", threads=2), "without Ray, two threads")
    finish(started(album, tmp_path / "ray.parquet", "--ray", "local", threads=2), "one machine of two cores")
    assert (tmp_path / "ray.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_two_machines_give_the_same_rows(right, cluster, album, tmp_path):
    second = cluster.add_node(**MACHINE)
    try:
        finish(started(album, tmp_path / "x.parquet", "--ray", cluster.address, threads=1), "two machines of one core")
    finally:
        cluster.remove_node(second)
    assert (tmp_path / "x.parquet").read_bytes() == right[0]


def test_a_machine_that_goes_midway_costs_no_picture(right, cluster, album, tmp_path):
    second, out = cluster.add_node(**MACHINE), tmp_path / "x.parquet"
    run = started(album, out, "--ray", cluster.address, threads=1)
    time.sleep(right[1] / 3)
    cluster.remove_node(second, allow_graceful=False)
    assert not out.exists()
    finish(run, "two machines, one of them for a third of the time that one needs")
    assert out.read_bytes() == right[0]
