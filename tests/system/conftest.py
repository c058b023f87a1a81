"""A real server process with the real weights, and a moving picture."""

import pytest

from tests.support.server_process import running_server
from tests.system.command import THREADS
from tests.system.crossings import Crossing


@pytest.fixture
def server(tmp_path):
    with running_server(tmp_path, threads=THREADS) as running:
        yield running


@pytest.fixture(scope="session")
def crossing():
    return Crossing()


@pytest.fixture(scope="module")
def cluster():
    """Ray Serve with two replicas."""
    from tests.support.ray_serve import ray_serve  # needs the extra ray

    with ray_serve() as cluster:
        cluster.deploy(2)
        yield cluster


@pytest.fixture(scope="module")
def right():
    """What the networks alone say of Ray Serve's photo."""
    from tests.support.ray_serve import right_faces

    return right_faces()
