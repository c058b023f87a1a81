"""Many clients who ask for what is costly to look up, while a probe wants its answer."""

import asyncio
import contextlib
import time

import httpx
import pytest

from tests.browser.servers import ThreadServer

CLIENTS = 40
PROBES = 20
SLOWEST_S = 1.0
"""Half a second more than what is promised of a machine that does nothing else: tests run beside others."""


async def flood(address, request_, answers):
    """Ask again and again until cancelled."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        while True:
            writer.write(request_)
            head = await reader.readuntil(b"\r\n\r\n")
            [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
            await reader.readexactly(int(length.split(b":")[1]))
            answers.append(head.split(b" ")[1])
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def slowest_probe_during(server, request_):
    """Return the longest time that /livez took, in seconds, and the statuses of the flood."""
    answers = []
    address = server.server.servers[0].sockets[0].getsockname()
    clients = [asyncio.create_task(flood(address, request_, answers)) for _ in range(CLIENTS)]
    async with httpx.AsyncClient(base_url=server.address, timeout=60) as client:
        slowest = 0.0
        for _ in range(PROBES):
            started = time.monotonic()
            assert (await client.get("/livez")).status_code == 200
            slowest = max(slowest, time.monotonic() - started)
            await asyncio.sleep(0.05)
    for each in clients:
        each.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*clients, return_exceptions=True)
    )
    return slowest, answers


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/web" + b"/a" * 30_000, b"404"),
        (b"/a" * 30_000, b"404"),
        (b"/web/app.js", b"200"),
        (b"/openapi.json", b"200"),
    ],
    ids=["a deep path", "a deep path elsewhere", "a file", "the description"],
)
def test_a_probe_is_answered_during(target, status):
    with ThreadServer() as server:
        request_ = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        slowest, answers = asyncio.run(slowest_probe_during(server, request_))
    assert set(answers) == {status}
    assert slowest < SLOWEST_S
