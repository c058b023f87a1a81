"""Whether answers under load equal those that the same pictures get alone."""

import asyncio
import itertools
import json
import math
from collections.abc import Sequence
from http import HTTPStatus

from benchmarks.http_client import Answer, ask_all, post
from benchmarks.results import Precision, RightAnswers
from benchmarks.server import MIEN, RunningServer, running

BOX_PX = 1.0
PROBABILITY: dict[Precision, float] = {"auto": 0.02, "bf16": 0.02, "fp32": 1e-3, "int8": 0.02}
"""How far an answer may be from the lone one: other batch sizes take other arithmetic paths."""

Face = tuple[tuple[float, ...], tuple[float, ...]]
"""Left, top, right and bottom in pixels; a probability for each label, in alphabetical order."""


def faces_of(body: bytes) -> list[Face]:
    """Read an answer's faces, from left to right."""
    faces = []
    for each in json.loads(body)["faces"]:
        box = each["box"]
        edges = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        faces.append((edges, tuple(value for _, value in sorted(each["probabilities"].items()))))
    return sorted(faces)


def distance(one: Sequence[Face], other: Sequence[Face]) -> tuple[float, float]:
    """Return the largest difference of box edges in pixels and of probabilities; infinite if face counts differ."""
    if len(one) != len(other):
        return math.inf, math.inf
    pairs = list(zip(one, other, strict=True))
    return (
        max((_largest(mine[0], theirs[0]) for mine, theirs in pairs), default=0.0),
        max((_largest(mine[1], theirs[1]) for mine, theirs in pairs), default=0.0),
    )


def is_close(apart: tuple[float, float], precision: Precision) -> bool:
    """Whether a distance is no more than what the arithmetic of another batch size changes."""
    return apart[0] <= BOX_PX and apart[1] <= PROBABILITY[precision]


def judge(lone: Sequence[list[Face]], answers: Sequence[Answer], precision: Precision) -> RightAnswers:
    """Compare the answers of clients that each asked about one picture.

    Args:
        lone: The answers for each client's picture when sent alone.
        answers: The answers that the clients got.
        precision: Determines how close is close enough.
    """
    wrong, box_px, probability = 0, 0.0, 0.0
    for answer in answers:
        apart = (math.inf, math.inf)
        if answer.status == HTTPStatus.OK:
            apart = distance(lone[answer.client], faces_of(answer.body))
        wrong += not is_close(apart, precision)
        if math.isfinite(apart[0]):
            box_px, probability = max(box_px, apart[0]), max(probability, apart[1])
    return RightAnswers(
        precision=precision,
        clients=len(lone),
        requests=len(answers),
        wrong=wrong,
        box_px=box_px,
        probability=probability,
    )


def alone(server: RunningServer, pictures: Sequence[bytes]) -> list[list[Face]]:
    """Send one picture after the other.

    Raises:
        RuntimeError: As `check_distinct`.
    """
    answers: list[Answer] = []
    asyncio.run(ask_all(server.port, [[post("/detect", each) for each in pictures]], answers.append))
    lone = [faces_of(answer.body) for answer in answers]
    check_distinct(lone)
    return lone


def check_distinct(lone: Sequence[list[Face]]) -> None:
    """Make sure that mixed-up answers would be seen.

    Raises:
        RuntimeError: If two pictures, or two faces of one, have answers so close that they would not be.
    """
    if not all(lone) or any(distance(*pair)[0] <= 2 * BOX_PX for pair in itertools.combinations(lone, 2)):
        raise RuntimeError("Two of the pictures have the same answer, so that a mixed-up one would not be seen.")
    inside = (pair for faces in lone for pair in itertools.combinations(faces, 2))
    if any(_largest(one[1], other[1]) <= 2 * max(PROBABILITY.values()) for one, other in inside):
        raise RuntimeError("Two faces of a picture have the same emotion, so that mixed-up ones would not be seen.")


def measure_right_answers(pictures: Sequence[bytes], requests: int, precision: Precision) -> RightAnswers:
    """Run one client per picture, all at once, on a separate server.

    Args:
        pictures: One per client.
        requests: Total over all clients, rounded up to the same number for each.
        precision: The precision that the server computes in.
    """
    each = math.ceil(requests / len(pictures))
    with running(MIEN, {"MIEN_PRECISION": precision}) as server:
        lone = alone(server, pictures)
        sources = [itertools.repeat(post("/detect", picture), each) for picture in pictures]
        answers: list[Answer] = []
        asyncio.run(ask_all(server.port, sources, answers.append))
    return judge(lone, answers, precision)


def _largest(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(mine - theirs) for mine, theirs in zip(one, other, strict=True))
