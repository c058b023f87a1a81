import pytest

from tests.runtimes.networks import files_in, make_network


@pytest.fixture(scope="session")
def tiny_network():
    return make_network()


@pytest.fixture
def files(tmp_path, tiny_network):
    return files_in(tmp_path, tiny_network)
