"""Checks of what the networks answer: a defect must not be sold as an answer."""

import math
from collections.abc import Sequence
from typing import TypeVar

from app.errors import InferenceFailed, MienError
from app.faces.types import Answer, ImageFaces
from app.serving.jobs import Answers

Item = TypeVar("Item")

SUM_TOLERANCE = 1e-2
"""Probabilities sum to 1 within float error; a sum further away is a defect."""


def same_length(results: Sequence[Item], asked: Sequence[object]) -> Sequence[Item]:
    """Check that nothing was lost or added on the way.

    Raises:
        RuntimeError: If there are more or fewer results than pictures.
    """
    if len(results) != len(asked):
        raise RuntimeError(f"{len(results)} results for {len(asked)} pictures.")
    return results


def check_faces(found: ImageFaces) -> ImageFaces | MienError:
    """Return the faces of a picture, or what is wrong with them."""
    for face in found.faces:
        if not all(map(math.isfinite, (*face.detection.xyxy, face.detection.score))):
            return InferenceFailed("The detector's answer for this picture is not a number.")
    wrong = check_answers([face.answers for face in found.faces])
    return wrong if isinstance(wrong, MienError) else found


def check_answers(rows: list[Answers]) -> list[Answers] | MienError:
    """Return the answers for some faces, or what is wrong with them."""
    if all(_is_distribution(answer) for answers in rows for answer in answers.values()):
        return rows
    return InferenceFailed("The classifier's answer for this picture is not a probability distribution.")


def _is_distribution(answer: Answer) -> bool:
    row = answer.probabilities
    return (
        len(row) == len(answer.labels) and all(0 <= value <= 1 for value in row) and abs(sum(row) - 1) <= SUM_TOLERANCE
    )
