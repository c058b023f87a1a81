"""Load on a server that runs already, such as replicas behind a proxy: rate, failures, right answers.

    python -m benchmarks.replicas --port 8000 --requests 2000 --clients 16

First each of 64 different pictures is sent alone; then the clients share the requests. What happens to the replicas
meanwhile is up to the caller. Prints one JSON object; exit code 1 if an answer was wrong.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Annotated

import typer

from benchmarks.http_client import Answer, ask_all, post
from benchmarks.pictures import different
from benchmarks.right_answers import Face, check_distinct, distance, faces_of, is_close
from benchmarks.spread import spread

PICTURES = 64
BROKEN_OFF = "broken off"


async def lone_answers(port: int, pictures: Sequence[bytes]) -> list[list[Face]]:
    """Send one picture after the other."""
    answers: list[Answer] = []
    await ask_all(port, [[post("/detect", each) for each in pictures]], answers.append)
    lone = [faces_of(answer.body) for answer in answers]
    check_distinct(lone)
    return lone


async def load(
    port: int, pictures: Sequence[bytes], requests: Iterable[int], clients: int
) -> list[tuple[int, Answer | None]]:
    """Let clients share numbered requests; a client whose connection breaks off takes a new one.

    Returns:
        For each request the number of its picture, and its answer, if there was one.
    """
    numbers, done = iter(requests), list[tuple[int, Answer | None]]()

    async def client() -> None:
        for number in numbers:
            picture = number % len(pictures)
            got: list[Answer] = []
            try:
                await ask_all(port, [itertools.repeat(post("/detect", pictures[picture]), 1)], got.append)
            except ConnectionError:
                got = []
            done.append((picture, got[0] if got else None))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return done


def report(lone: Sequence[list[Face]], done: Sequence[tuple[int, Answer | None]], took_s: float) -> dict[str, object]:
    """Summarise."""
    good = [(picture, each) for picture, each in done if each is not None and each.status == HTTPStatus.OK]
    apart = [distance(lone[picture], faces_of(each.body)) for picture, each in good]
    return {
        "requests": len(done),
        "per_second": round(len(good) / took_s, 2),
        "answers": Counter(BROKEN_OFF if each is None else str(each.status) for _, each in done),
        "failed_share": round(1 - len(good) / len(done), 4),
        "wrong": sum(not is_close(each, "auto") for each in apart),
        "latency_ms": {
            name: round(value, 1)
            for name, value in spread([each.took_s * 1e3 for _, each in good]).model_dump().items()
        },
    }


def main(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
    requests: Annotated[int, typer.Option(min=1, help="In all.")] = 2000,
    clients: Annotated[int, typer.Option(min=1, help="At once.")] = 16,
) -> None:
    """Measure."""
    pictures = different(PICTURES)

    async def measure() -> dict[str, object]:
        lone = await lone_answers(port, pictures)
        began = time.perf_counter()
        done = await load(port, pictures, range(requests), clients)
        return report(lone, done, time.perf_counter() - began)

    measured = asyncio.run(measure())
    typer.echo(json.dumps(measured))
    if measured["wrong"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
