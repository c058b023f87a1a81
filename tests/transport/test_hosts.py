"""Whom a request is for."""

import asyncio
import json

import httpx
import pytest

from app.config import Settings
from app.transport.hosts import Hosts, allowed_hosts, is_loopback
from tests.support.thread_server import ThreadServer
from tests.transport.support import UPGRADE, all_that_comes, answer_at_once, connected, finish, listening, rest_of


async def answer_for(hosts, sent):
    async with listening(answer_at_once, hosts=hosts) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        answer = await all_that_comes(reader)
        await finish(writer)
    return answer


def ask(host, target=b"/"):
    return b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n"


OWN = Hosts(["localhost", "127.0.0.1", "::1", "Mien.example"])


@pytest.mark.parametrize(
    "host",
    [b"localhost", b"LOCALHOST:8000", b"localhost.", b"127.0.0.1:1", b"[::1]", b"[::1]:80", b"mien.EXAMPLE"],
)
def test_its_own_names_are_answered_whatever_the_port(host):
    assert asyncio.run(answer_for(OWN, ask(host))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("host", "target"),
    [
        (b"evil.example", b"/"),
        (b"localhost.evil.example", b"/"),
        (b"evil.example:80", b"/livez/x"),
        (b"localhost@evil.example", b"/"),
        (b"127.0.0.1.evil.example", b"/"),
        (b"", b"/"),
        (b"localhost", b"http://evil.example/"),
        (b"[::1].evil.example", b"/"),
    ],
)
def test_other_names_are_refused(host, target):
    answer, _, body = asyncio.run(answer_for(OWN, ask(host, target))).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421 Misdirected Request")
    assert json.loads(body)["code"] == "wrong_host"
    assert "MIEN_ALLOWED_HOSTS" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("bound_to", "named", "is_open"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("localhost", None, False),
        ("0.0.0.0", None, True),  # noqa: S104 - not listened on
        ("0.0.0.0", "a.example", False),  # noqa: S104
        ("192.0.2.1", None, True),
        ("127.0.0.1", "*", True),
        ("127.0.0.1", "a.example, evil.example", True),
    ],
)
def test_who_is_let_in_depends_on_the_address_unless_it_is_said(bound_to, named, is_open):
    hosts = allowed_hosts(Settings(allowed_hosts=named).all_allowed_hosts, bound_to)
    fault = hosts.fault_of([(b"host", b"evil.example")], b"/")
    assert (fault is None) == is_open


def test_probes_are_answered_by_any_name_and_loopback_stays_ones_own():
    hosts = allowed_hosts(["mien.example"], "0.0.0.0")  # noqa: S104 - not listened on
    for host, target in ((b"10.1.2.3:8000", b"/readyz"), (b"api:8000", b"/livez?a"), (b"127.0.0.1:8000", b"/detect")):
        assert hosts.fault_of([(b"host", host)], target) is None
    assert hosts.fault_of([(b"host", b"10.1.2.3:8000")], b"/detect") is not None
    assert hosts.fault_of([(b"host", b"[::1]")], b"http://[::1]:8000/") is None


@pytest.mark.parametrize("host", ["a.example:8443", "https://a.example", "*.a.example", "[::1]", "a b"])
def test_what_is_no_host_stops_the_start(host):
    with pytest.raises(ValueError, match="is no host"):
        Settings(allowed_hosts=f"ok.example, ::1, {host}")


def test_the_address_that_it_is_bound_to_is_its_own():
    assert allowed_hosts((), "127.0.0.2").fault_of([(b"host", b"127.0.0.2:8000")], b"/") is None
    assert is_loopback("127.0.0.2")
    assert not is_loopback("mien.example")


def test_a_server_on_loopback_neither_answers_nor_streams_for_other_names():
    with ThreadServer(allowed_hosts=None) as server:
        assert httpx.get(f"{server.address}/livez").status_code == 200
        assert httpx.get(f"{server.address}/models", headers={"Host": "evil.example"}).status_code == 421
        with connected(server, UPGRADE.replace(b"Host: a", b"Host: evil.example") + b"\r\n") as connection:
            assert rest_of(connection).startswith(b"HTTP/1.1 421 ")
        with connected(server, UPGRADE.replace(b"Host: a", b"Host: localhost:1") + b"\r\n") as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 101 ")
