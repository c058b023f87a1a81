"""Pictures through the networks, in groups that depend on the pictures alone, so that a second run answers the same."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from app.batch.ahead import Opened
from app.errors import DeviceLost
from app.faces.types import Attributes, DetectOptions
from app.looking import answer_of, told
from app.serving.inference import Inference
from app.serving.jobs import DetectJob, Result

GROUP = 8
"""Most pictures in one pass of the networks."""


def groups(pictures: Iterable[Opened], most_pixels: int) -> Iterator[list[Opened]]:
    """Cut a part's pictures into groups of at most `GROUP`, or of fewer that have `most_pixels` together."""
    group: list[Opened] = []
    pixels = 0
    for each in pictures:
        group.append(each)
        pixels += 0 if each.image is None else each.image.shape[0] * each.image.shape[1]
        if len(group) == GROUP or pixels >= most_pixels:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def answers(inference: Inference, group: list[Opened], options: DetectOptions) -> list[dict[str, Any]]:
    """Return an answer for each picture as `/detect` gives it, or `error` with a code and a text.

    Where a pass fails, each of its pictures is tried alone: the one that made it fail costs no other.

    Raises:
        DeviceLost: If no later picture can be answered either.
    """
    jobs = [DetectJob(each.image, options) for each in group if each.image is not None]
    results = iter(_run(inference, jobs))  # in the order of the images that are there
    return [
        {"error": each.error}
        if each.image is None
        else _answer(inference, next(results), each.truncated, options.attributes)
        for each in group
    ]


def _run(inference: Inference, jobs: list[DetectJob]) -> list[Result | Exception]:
    try:
        return inference.run(jobs)
    except DeviceLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the pictures after it are answered
        return [error] if len(jobs) == 1 else [result for job in jobs for result in _run(inference, [job])]


def _answer(
    inference: Inference, result: Result | Exception, truncated: bool, attributes: Attributes
) -> dict[str, Any]:
    if isinstance(result, Exception):
        return {"error": told(result)}
    if isinstance(result, list):
        raise TypeError("A detection was answered by something else.")
    return answer_of(replace(result, truncated=truncated), inference.manifest, attributes)
