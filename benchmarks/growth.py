"""Whether the server's memory grows over many requests of mixed sizes."""

import asyncio
import itertools
from http import HTTPStatus

from benchmarks.http_client import Answer, ask_all, post
from benchmarks.pictures import MIXED_SIZES, sized
from benchmarks.results import MemoryGrowth
from benchmarks.server import MIEN, running
from benchmarks.spread import steady

CLIENTS = 16
SAMPLES = 200


def measure_growth(requests: int) -> MemoryGrowth:
    """Send this many requests from 16 clients and sample the server's resident memory 200 times on the way.

    Args:
        requests: At least 200.
    """
    bodies = [post("/detect", sized(width, height)) for width, height in MIXED_SIZES]
    order = itertools.islice(itertools.cycle(bodies), requests)  # shared: any free client takes the next one
    samples: list[tuple[int, float]] = []
    answered = failed = 0
    with running(MIEN) as server:

        def take(answer: Answer) -> None:
            nonlocal answered, failed
            answered += 1
            failed += answer.status != HTTPStatus.OK
            if answered % (requests // SAMPLES) == 0:
                samples.append((answered, server.resident_mb()))

        asyncio.run(ask_all(server.port, [order] * CLIENTS, take))
    mean_mb, slope = steady(samples)
    return MemoryGrowth(requests=requests, failed=failed, steady_mb=mean_mb, kb_per_1000=slope * 1e6, samples=samples)
