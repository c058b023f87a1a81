"""A picture's cost by number of faces and by size, on a server with one client."""

import asyncio
import json
import statistics
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from benchmarks.http_client import Answer, ask_all, post, until
from benchmarks.pictures import COLUMNS, ROWS, SIZES, crowd, jpeg, sized
from benchmarks.results import FacesCost, SizeCost
from benchmarks.server import MIEN, RunningServer, running

FACES = (0, 1, 2, 8, 32, 128)
SETTLING = 2
"""The first answers for a new kind of picture are left out: they include setting up new shapes."""


@dataclass(frozen=True)
class Repeated:
    """One request, repeated by one client.

    Attributes:
        whole_ms: Median time from the first byte sent to the last received.
        answers: The JSON of each answer.
    """

    whole_ms: float
    answers: list[dict[str, Any]]

    def median_ms(self, stage: str) -> float:
        """Return the median of a stage's time, as reported by the server."""
        return float(statistics.median(answer["timings_ms"][stage] for answer in self.answers))


def measure_costs(seconds: float) -> tuple[list[FacesCost], list[SizeCost]]:
    """Measure each number of faces and each size for some time.

    Raises:
        RuntimeError: If a picture is not answered, or not with the number of faces that it was made to show.
    """
    with running(MIEN) as server:
        faces = [_faces_cost(server, count, seconds) for count in FACES]
        return faces, [_size_cost(server, name, seconds) for name in SIZES]


def _faces_cost(server: RunningServer, faces: int, seconds: float) -> FacesCost:
    """Measure a picture with this many faces.

    For many faces it shows a few more than needed, and `max_faces` limits them to the number asked for: a face that the
    detector misses would make the cost look smaller.
    """
    shown = min(COLUMNS * ROWS, faces + faces // 8)
    repeated = _repeat(server, post(f"/detect?max_faces={max(1, faces)}", jpeg(crowd(shown))), seconds)
    if found := {len(answer["faces"]) for answer in repeated.answers} - {faces}:
        raise RuntimeError(f"{found} faces were found in the picture made to show {faces}.")
    return FacesCost(
        faces=faces,
        detect_ms=repeated.median_ms("detect"),
        classify_ms=repeated.median_ms("classify"),
        whole_ms=repeated.whole_ms,
    )


def _size_cost(server: RunningServer, name: str, seconds: float) -> SizeCost:
    width, height = SIZES[name]
    payload = sized(width, height)
    repeated = _repeat(server, post("/detect", payload), seconds)
    return SizeCost(
        name=name,
        width=width,
        height=height,
        kilobytes=len(payload) / 1e3,
        decode_ms=repeated.median_ms("decode"),
        whole_ms=repeated.whole_ms,
    )


def _repeat(server: RunningServer, request: bytes, seconds: float) -> Repeated:
    answers: list[Answer] = []
    asyncio.run(ask_all(server.port, [[request] * (SETTLING + 1)], answers.append))
    asyncio.run(ask_all(server.port, [until(seconds, request)], answers.append))
    if failed := {answer.status for answer in answers} - {HTTPStatus.OK}:
        raise RuntimeError(f"A picture was answered with {failed}.")
    kept = answers[SETTLING:]
    times_ms = [answer.took_s * 1e3 for answer in kept]
    return Repeated(statistics.median(times_ms), [json.loads(answer.body) for answer in kept])
