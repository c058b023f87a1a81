"""`mien batch` on a Ray cluster of this machine: the same bytes as without, whatever is lost on the way.

pytest tests/batch/test_cluster.py        needs the extra ray, and two minutes
"""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

import tests.support.ray_environment  # noqa: F401 - before Ray

pytest.importorskip("ray.data", reason="extra ray")

import ray
from ray.cluster_utils import Cluster

from app.batch.cluster import OnCluster
from app.batch.run import Batch
from app.errors import InvalidRequest, RuntimeUnavailable
from app.faces.types import DetectOptions
from tests.batch.runs import LIMITS, PART, batch
from tests.support.object_store import object_store
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


PATIENCE_S = 60


class Dying(FakePipeline):
    """Takes its process with it, once, at its second group of pictures."""

    def __init__(self, marker):
        super().__init__()
        self._marker = Path(marker)

    def detect(self, images, options):
        if self.batch_sizes and not self._marker.exists():
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(images, options)


class Slow(FakePipeline):
    def detect(self, images, options):
        time.sleep(0.2)
        return super().detect(images, options)


class Together(FakePipeline):
    """Answers once two processes have been asked."""

    def __init__(self, folder):
        super().__init__()
        self._folder = Path(folder)

    def detect(self, images, options):
        (self._folder / str(os.getpid())).touch()
        patience = time.monotonic() + PATIENCE_S
        while len(list(self._folder.iterdir())) < 2:
            if time.monotonic() > patience:
                raise RuntimeError("nobody else was asked")
            time.sleep(0.05)
        return super().detect(images, options)


class OtherElsewhere(FakePipeline):
    """Says something else in each process."""

    def __init__(self):
        super().__init__()
        self.runtime = f"nothing, in process {os.getpid()}"


class Broken(FakePipeline):
    def warm_up(self):
        raise RuntimeError("no networks here")


@pytest.fixture(scope="module")
def store(album):
    """The album's folder as a bucket."""
    with object_store(album.parent):
        yield f"s3://{album.name}"


@pytest.fixture(scope="module")
def cluster(store):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(autouse=True)
def _apart():
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """110 pictures, each of its own size; every tenth is none."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(110):
        payload = b"no picture" if number % 10 == 9 else encode(gradient(40 + number, 30))
        (folder / f"{number:03}.png").write_bytes(payload)
    return folder


@pytest.fixture(scope="module")
def right(album, tmp_path_factory):
    out = tmp_path_factory.mktemp("right") / "x.jsonl"
    batch([album], out)
    return out.read_bytes()


def on_cluster(cluster, given, out, load=FakePipeline, tell=lambda *_: None, cpus=1):
    options = DetectOptions()
    looking = OnCluster(cluster.address, load, options, LIMITS, cpus)
    return Batch([str(given)], out, options, LIMITS, None, PART).run(looking, False, tell)


def test_the_same_bytes_as_without(cluster, album, right, tmp_path):
    summary = on_cluster(cluster, album, tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_bytes() == right
    assert summary.startswith("110 pictures, 99 faces, 0 without a face, 11 failed")


def test_the_same_rows_from_an_object_store(cluster, store, album, right, tmp_path):
    on_cluster(cluster, store, tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_bytes().replace(store.encode(), bytes(album)) == right


def test_an_actor_that_dies_costs_no_picture(cluster, album, right, tmp_path):
    on_cluster(cluster, album, tmp_path / "x.jsonl", partial(Dying, str(tmp_path / "dead")))
    assert (tmp_path / "dead").exists()
    assert (tmp_path / "x.jsonl").read_bytes() == right


def test_a_machine_that_goes_costs_no_picture(cluster, album, right, tmp_path):
    second, gone = cluster.add_node(num_cpus=1, object_store_memory=100_000_000), []

    def tell(counts, names):
        if counts.pictures and not gone:
            gone.append(counts.pictures)
            cluster.remove_node(second, allow_graceful=False)

    on_cluster(cluster, album, tmp_path / "x.jsonl", Slow, tell)
    assert gone[0] < 110
    assert (tmp_path / "x.jsonl").read_bytes() == right


def test_two_parts_are_looked_at_by_two_pipelines_at_once(cluster, album, tmp_path):
    second = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    (tmp_path / "asked").mkdir()
    (tmp_path / "list.txt").write_text("\n".join(map(str, sorted(album.iterdir())[: 2 * PART])))
    batch([tmp_path / "list.txt"], tmp_path / "right.jsonl")
    try:
        on_cluster(cluster, tmp_path / "list.txt", tmp_path / "x.jsonl", partial(Together, str(tmp_path / "asked")))
    finally:
        cluster.remove_node(second)
    assert (tmp_path / "x.jsonl").read_bytes() == (tmp_path / "right.jsonl").read_bytes()


def test_a_run_begun_here_goes_on_there_and_back(cluster, album, right, tmp_path):
    def stop_at(most):
        def tell(counts, names):
            if counts.pictures >= most:
                raise KeyboardInterrupt

        return tell

    out = tmp_path / "x.jsonl"
    with pytest.raises(KeyboardInterrupt):
        batch([album], out, tell=stop_at(PART + 1))
    with pytest.raises(KeyboardInterrupt):
        on_cluster(cluster, album, out, tell=stop_at(3 * PART))
    batch([album], out)
    assert out.read_bytes() == right


def test_machines_that_compute_otherwise_are_refused(cluster, album, tmp_path):
    with pytest.raises(RuntimeUnavailable, match=r"computes otherwise .* nothing, in process \d+ with "):
        on_cluster(cluster, album, tmp_path / "x.jsonl", OtherElsewhere)


def test_networks_that_cannot_run_there_stop_the_run(cluster, album, tmp_path):
    with pytest.raises(RuntimeUnavailable, match="no networks here"):
        on_cluster(cluster, album, tmp_path / "x.jsonl", Broken)


def test_a_cluster_without_room_is_told(cluster, album, tmp_path):
    with pytest.raises(InvalidRequest, match="No machine of the cluster has 8 CPUs"):
        on_cluster(cluster, album, tmp_path / "x.jsonl", cpus=8)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999"])
def test_an_address_where_nobody_answers_is_told(address):
    with pytest.raises(InvalidRequest, match=f"No Ray cluster answers at {address}: "):
        OnCluster(address, FakePipeline, DetectOptions(), LIMITS, 1)
