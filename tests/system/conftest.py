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
