"""Whom a real server takes for the client when a proxy stands in front of it."""

import urllib.request
from urllib.error import HTTPError

import pytest

from tests.support.server_process import running_server

pytestmark = pytest.mark.slow


def ask_as(client, address):
    """POST an empty body in the name of a client; return the status."""
    request = urllib.request.Request(f"{address}/detect", b"", {"X-Forwarded-For": client})  # noqa: S310 - our own
    with pytest.raises(HTTPError) as error:
        urllib.request.urlopen(request, timeout=60)  # noqa: S310
    with error.value as answer:
        return answer.code


@pytest.mark.parametrize(("trusted", "statuses"), [("127.0.0.1", [400, 400, 429]), ("", [400, 429, 429])])
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(tmp_path, trusted, statuses):
    """Three requests of two clients, of which each may ask once; unbelieved, all are of one client."""
    with running_server(tmp_path, trusted_proxies=trusted, rate_limit="1/hour", threads=1) as server:
        assert [ask_as(client, server.address) for client in ("10.0.0.1", "10.0.0.2", "10.0.0.1")] == statuses
