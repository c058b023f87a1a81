"""Measures a server under a number of closed-loop clients for some time."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

from benchmarks.http_client import Answer, ask_all, until
from benchmarks.results import Load
from benchmarks.server import RunningServer
from benchmarks.spread import spread


def measure_load(server: RunningServer, request: bytes, clients: int, warm_up_s: float, seconds: float) -> Load:
    """Let the clients repeat one request, and measure the answers that end after the warm-up.

    Args:
        server: Queried by clients in this process.
        request: The whole request.
        clients: How many at once.
        warm_up_s: Left out at the beginning.
        seconds: How long to measure.
    """
    return asyncio.run(_measure(server, request, clients, warm_up_s, seconds))


async def _measure(server: RunningServer, request: bytes, clients: int, warm_up_s: float, seconds: float) -> Load:
    answers: list[Answer] = []
    sources = [until(warm_up_s + seconds, request) for _ in range(clients)]
    asking = asyncio.create_task(ask_all(server.port, sources, answers.append))
    await asyncio.sleep(warm_up_s)
    began, client_s, server_s = time.perf_counter(), time.process_time(), server.processor_s()
    await asyncio.wait([asking], timeout=seconds)
    looked_s, client_s = time.perf_counter() - began, time.process_time() - client_s
    server_s = server.processor_s() - server_s
    await asking
    seen = [each for each in answers if began <= each.ended_s < began + looked_s]
    good = [each for each in seen if each.status == HTTPStatus.OK]
    return Load(
        clients=clients,
        per_second=rate(answers, seen, clients) * len(good) / len(seen),
        latency_ms=spread([each.took_s * 1e3 for each in good]),
        failed=len(seen) - len(good),
        client_cores=client_s / looked_s,
        server_cores=server_s / looked_s,
    )


def rate(answers: Sequence[Answer], seen: Sequence[Answer], clients: int) -> float:
    """Return the answers per second of closed-loop clients: their number over the mean time from answer to answer.

    Counting the answers in a window would be off by up to a batch at either end: answers come in batches.

    Args:
        answers: All answers, in order of arrival.
        seen: Those that count; at least one.
        clients: How many were sending throughout.
    """
    ends: dict[int, float] = {}
    cycles: dict[Answer, float] = {}
    for each in answers:
        cycles[each] = each.ended_s - ends.get(each.client, each.began_s)
        ends[each.client] = each.ended_s
    return clients * len(seen) / sum(cycles[each] for each in seen)
