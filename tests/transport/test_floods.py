"""Many clients who ask for what is costly to look up, while a probe wants its answer."""

import asyncio
import contextlib
import time

import httpx
import pytest

from tests.support.thread_server import ThreadServer

CLIENTS = 40
PROBES = 12
LATE = 2
"""So many probes may take longer than `LONGEST_S`: on a machine that does much else any process has to wait."""

LONGEST_S = 1.0


async def flood(address, request_, answers):
    """Ask again and again until cancelled, over a new connection whenever the server ends one."""
    while True:
        reader, writer = await asyncio.open_connection(*address)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while True:
                    writer.write(request_)
                    head = await reader.readuntil(b"\r\n\r\n")
                    [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
                    await reader.readexactly(int(length.split(b":")[1]))
                    answers.append(head.split(b" ")[1])
            finally:
                writer.close()
                await writer.wait_closed()


async def probe_during(server, request_):
    """Return how long each /livez took, in seconds and ascending, and the statuses of the flood."""
    answers, took = [], []
    address = server.server.servers[0].sockets[0].getsockname()
    clients = [asyncio.create_task(flood(address, request_, answers)) for _ in range(CLIENTS)]
    async with httpx.AsyncClient(base_url=server.address, timeout=60) as client:
        for _ in range(PROBES):
            started = time.monotonic()
            assert (await client.get("/livez")).status_code == 200
            took.append(time.monotonic() - started)
            await asyncio.sleep(0.05)
    for each in clients:
        each.cancel()
    ended = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
    return sorted(took), answers


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/web" + b"/a" * 30_000, b"414"),
        (b"/web" + b"/a" * 4_000, b"404"),
        (b"/" + b"%61/" * 2_000, b"404"),
        (b"/livez?" + b"a&" * 30_000, b"414"),
        (b"/web/app.js", b"200"),
        (b"/openapi.json", b"200"),
    ],
    ids=["too long", "a deep path", "escapes", "too many names", "a file", "the description"],
)
def test_a_probe_is_answered_during(target, status):
    with ThreadServer() as server:
        request_ = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        took, answers = asyncio.run(probe_during(server, request_))
    assert set(answers) == {status}
    assert took[-1 - LATE] < LONGEST_S
