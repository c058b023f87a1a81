"""Many more clients than a server takes at once: is each answered, is work still done, is it calm afterwards?

    python -m benchmarks.storm                     # 256 clients against a queue of 64

It starts its own server. First it measures what the server can do: pictures per second with 16 clients, and the time of
one. Then comes the storm; its clients wait as long as a refusal asks, and retry. Prints JSON; exit code 1 if anything
but 200 and 503 with Retry-After came, the accepted ones were under 90 % of the maximum, memory still grew in the second
half of the storm, or a lone client was not back to its usual time within 2 s.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated

import typer

from benchmarks.http_client import Answer, ask_all, post, until
from benchmarks.load import measure_load
from benchmarks.pictures import photo_bytes
from benchmarks.server import MIEN, RunningServer, ServerFailed, running

USUAL_CLIENTS = 16
WARM_UP_S = 3.0
CALM_S = 5.0
LEAST_SHARE, MOST_GROWTH, LONGEST_RECOVERY_S = 0.9, 1.05, 2.0
USUAL, IN_A_ROW = 1.5, 5
"""It is back to usual when the median of `IN_A_ROW` lone pictures in a row is within `USUAL` times that before."""


@dataclass(frozen=True)
class Storm:
    """The results of a storm.

    Attributes:
        clients: At once.
        queue_size: The server's.
        answers: How many of each kind; see `kinds`.
        longest_answer_s: The longest of all.
        unloaded_per_second: Answers before, with 16 clients.
        accepted_per_second: Answers with status 200 in the storm.
        accepted_share: Ratio of the latter to the former.
        memory_mb: Resident before, the most in the first half of the storm, and the most in its second half.
        memory_growth: Ratio of the third to the second.
        usual_ms: Median of a lone picture before.
        recovery_s: See `recovery_s`.
    """

    clients: int
    queue_size: int
    answers: dict[str, int]
    longest_answer_s: float
    unloaded_per_second: float
    accepted_per_second: float
    accepted_share: float
    memory_mb: tuple[int, int, int]
    memory_growth: float
    usual_ms: float
    recovery_s: float


async def storm(
    server: RunningServer, request: bytes, clients: int, seconds: float
) -> tuple[list[Answer], list[float]]:
    """Let patient clients send requests for some time.

    Returns:
        All answers, and resident memory in megabytes, sampled at equal intervals.
    """
    answers: list[Answer] = []
    sources = [until(seconds, request) for _ in range(clients)]
    asking = asyncio.create_task(ask_all(server.port, sources, answers.append, patient=True))
    sizes_mb = [server.resident_mb()]
    while not asking.done():
        await asyncio.wait([asking], timeout=0.25)
        sizes_mb.append(server.resident_mb())
    await asking
    return answers, sizes_mb


def lone_times(server: RunningServer, request: bytes, seconds: float) -> list[Answer]:
    """Send requests one by one for some time."""
    answers: list[Answer] = []
    asyncio.run(ask_all(server.port, [until(seconds, request)], answers.append))
    return answers


def accepted_per_second(answers: list[Answer], began_s: float, seconds: float) -> float:
    """Return the answers per second with status 200 that end between the warm-up and the end of the storm."""
    first, last = began_s + WARM_UP_S, began_s + seconds
    return sum(each.status == HTTPStatus.OK and first <= each.ended_s < last for each in answers) / (last - first)


def recovery_s(calm: list[Answer], began_s: float, usual_s: float) -> float:
    """Return how long after the storm lone pictures still took longer than usual, in seconds; 0 if none did."""
    medians = [
        (statistics.median(each.took_s for each in row), row[-1].ended_s - began_s)
        for row in (calm[first : first + IN_A_ROW] for first in range(len(calm) - IN_A_ROW + 1))
    ]
    return max((ended_s for took_s, ended_s in medians if took_s > USUAL * usual_s), default=0.0)


def kinds(answers: list[Answer]) -> dict[str, int]:
    """Count the answers by status; a refusal that does not say when to retry is a separate kind."""
    silent = HTTPStatus.SERVICE_UNAVAILABLE
    return dict(
        Counter(
            f"{each.status} without Retry-After" if each.status == silent and each.retry_after_s is None
            else str(each.status)
            for each in answers
        )
    )  # fmt: skip


def faults(result: Storm) -> list[str]:
    """List what is not as it should be."""
    found = [f"answers {kind}" for kind in result.answers if kind not in ("200", "503")]
    if result.accepted_share < LEAST_SHARE:
        found.append(f"accepted_share {result.accepted_share} (at least {LEAST_SHARE})")
    if result.memory_growth > MOST_GROWTH:
        found.append(f"memory_growth {result.memory_growth} (at most {MOST_GROWTH})")
    if result.recovery_s > LONGEST_RECOVERY_S:
        found.append(f"recovery_s {result.recovery_s} (at most {LONGEST_RECOVERY_S})")
    return found


def measure(clients: int, queue_size: int, seconds: float) -> Storm:
    """Start a server and run all phases."""
    request = post("/detect", photo_bytes())
    with running(MIEN, {"MIEN_QUEUE_SIZE": str(queue_size)}) as server:
        usual_s = statistics.median(each.took_s for each in lone_times(server, request, CALM_S))
        unloaded = measure_load(server, request, USUAL_CLIENTS, WARM_UP_S, seconds)
        before_mb, began = server.resident_mb(), time.perf_counter()
        answers, sizes_mb = asyncio.run(storm(server, request, clients, seconds))
        over = time.perf_counter()
        calm = lone_times(server, request, CALM_S)
    accepted = accepted_per_second(answers, began, seconds)
    first_mb, second_mb = (max(half) for half in (sizes_mb[: len(sizes_mb) // 2], sizes_mb[len(sizes_mb) // 2 :]))
    return Storm(
        clients=clients,
        queue_size=queue_size,
        answers=kinds(answers),
        longest_answer_s=round(max(each.took_s for each in answers), 2),
        unloaded_per_second=round(unloaded.per_second, 1),
        accepted_per_second=round(accepted, 1),
        accepted_share=round(accepted / unloaded.per_second, 3),
        memory_mb=(round(before_mb), round(first_mb), round(second_mb)),
        memory_growth=round(second_mb / first_mb, 3),
        usual_ms=round(usual_s * 1e3, 1),
        recovery_s=round(recovery_s(calm, over, usual_s), 2),
    )


def main(
    clients: Annotated[int, typer.Option(min=1, help="Clients at once.")] = 256,
    queue_size: Annotated[int, typer.Option(min=1, help="The server's.")] = 64,
    seconds: Annotated[float, typer.Option(min=5, help="Length of the storm.")] = 30.0,
) -> None:
    """Print one JSON object."""
    try:
        result = measure(clients, queue_size, seconds)
    except ServerFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(asdict(result), indent=1))
    if found := faults(result):
        typer.echo(f"missed: {'; '.join(found)}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
