"""The wire format of answers that say why."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.api.wire.accept import JSON
from app.api.wire.schemas import Box, ClassifyEntry, ErrorOut, FaceOut, ImageOut, ModelNames, detect_out
from app.errors import InvalidRequest
from app.faces.explain import PLACES, Explanation, square_of
from app.faces.types import ImageFaces
from app.manifest import CropRule


class ExplanationOut(BaseModel):
    """What each place of a face carries."""

    rows: int = Field(description="Places from the top of the face down.")
    columns: int = Field(description="Places from left to right.")
    drops: list[list[float]] = Field(
        description="By how much the label's probability falls when that place is covered; row by row, -1 to 1."
    )


class SquareExplanationOut(ExplanationOut):
    """The same with its place in the picture."""

    square: Box = Field(description="What was explained; the map's top is the face's, see rotation_deg.")


class ExplainedFace(FaceOut):
    """One face with what its label rests on."""

    explanation: SquareExplanationOut | None = Field(description="Null beyond the largest 8 faces.")


class ExplainedOut(BaseModel):
    """As DetectOut, with explanations."""

    image: ImageOut
    faces: list[ExplainedFace]
    timings_ms: dict[str, float]
    model: ModelNames


class ExplainedEntry(ClassifyEntry):
    """As ClassifyEntry, with an explanation."""

    explanation: ExplanationOut


class ExplainedBatchOut(BaseModel):
    """One entry per file, in request order."""

    results: list[ExplainedEntry | ErrorOut]


def explanation_out(explanation: Explanation) -> ExplanationOut:
    """Write one map."""
    return ExplanationOut(rows=PLACES, columns=PLACES, drops=[list(row) for row in explanation.drops])


def explained_out(
    found: ImageFaces, explanations: Sequence[Explanation], rule: CropRule, names: ModelNames
) -> ExplainedOut:
    """Write the answer for one picture, with the explanations of its first faces.

    Args:
        found: The faces.
        explanations: Of the first ones, in order.
        rule: By which they were cropped.
        names: Of the networks.
    """
    answer = detect_out(found, names)
    written: list[SquareExplanationOut | None] = [None] * len(found.faces)
    for index, explanation in enumerate(explanations):
        left, top, side = (round(value, 2) for value in square_of(found.faces[index].detection, rule))
        square = Box(x=left, y=top, width=side, height=side)
        written[index] = SquareExplanationOut(**explanation_out(explanation).model_dump(), square=square)
    faces = [
        ExplainedFace(**face.model_dump(), explanation=each) for face, each in zip(answer.faces, written, strict=True)
    ]
    return ExplainedOut(image=answer.image, faces=faces, timings_ms=answer.timings_ms, model=answer.model)


def check_explainable(media_type: str, files: int, most: int) -> None:
    """Check that explanations can be given.

    Args:
        media_type: Of the answer.
        files: How many pictures were sent.
        most: So many are explained at once.

    Raises:
        InvalidRequest: If the answer is not JSON, or there are too many pictures.
    """
    if media_type != JSON:
        raise InvalidRequest(f"Explanations come as JSON only: accept {JSON}, or leave explain away.")
    if files > most:
        raise InvalidRequest(f"At most {most} pictures are explained in one request; {files} were sent.")
