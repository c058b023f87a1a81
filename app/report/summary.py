"""What a report says of any number of pictures: counts and a few examples, in a size that does not grow."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from app.counts import Counts
from app.faces.types import Detection

SUREST, LEAST_SURE, FAILED = 6, 12, 3
"""Examples: of each expression, of unclear faces, and of each error code."""


class Example(BaseModel):
    """One face.

    Attributes:
        picture: Place of its picture among all, from 0.
        file: What the rows call that.
        number: Of the face in it, from 1.
        face: As the API writes it.
    """

    picture: int
    file: str
    number: int
    face: dict[str, Any]

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the face."""
        return self.picture, self.number

    @property
    def detection(self) -> Detection:
        """Where the face is."""
        box = self.face["box"]
        corners = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        return Detection(corners, self.face["detection_confidence"])


class Summary(BaseModel):
    """Gathers answers.

    Attributes:
        counts: Of all.
        surest: Label -> of the faces that clearly show it, the surest ones, the surest first.
        least_sure: Of the unclear faces, those whose two best labels are closest, the closest first.
        failed: Error code -> first files with it, and what was told of each.
    """

    counts: Counts = Counts()
    surest: dict[str, list[Example]] = {}
    least_sure: list[Example] = []
    failed: dict[str, list[tuple[str, str]]] = {}

    def add(self, file: str, answer: Mapping[str, Any]) -> None:
        """Add the answer for the next picture, as the API writes it.

        Args:
            file: What the rows call the picture.
            answer: With `faces`, or with `error`.
        """
        picture = self.counts.pictures
        self.counts.add(answer)
        if "error" in answer:
            error = answer["error"]
            first = self.failed.setdefault(error["code"], [])
            first.extend([(file, error["detail"])] if len(first) < FAILED else [])
            return
        for number, face in enumerate(answer["faces"], 1):
            example = Example.model_construct(picture=picture, file=file, number=number, face=face)
            if face["unclear"]:
                _keep(self.least_sure, example, LEAST_SURE, lambda each: each.face["margin"])
            else:
                _keep(
                    self.surest.setdefault(face["emotion"], []), example, SUREST, lambda each: -each.face["confidence"]
                )

    @property
    def examples(self) -> Iterator[Example]:
        """All faces that are kept."""
        for kept in (*self.surest.values(), self.least_sure):
            yield from kept


def _keep(kept: list[Example], example: Example, most: int, rank: Callable[[Example], float]) -> None:
    """Put an example in its place among those of the lowest rank; of equal ones the first stays."""
    if len(kept) == most and rank(example) >= rank(kept[-1]):
        return
    kept.append(example)
    kept.sort(key=rank)
    del kept[most:]
