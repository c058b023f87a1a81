"""Faces as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.faces.clear import is_clear, margin_of
from app.manifest import ClearRule

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in float pixels (xyxy)."""

Attributes = tuple[str, ...]
"""What a caller asks of a face besides its emotion, such as `gender`."""

Crop = npt.NDArray[np.float32]
"""A face as classifiers see it: gray, 0..255, shape (48, 48)."""

Search = Literal["whole", "guided"]
"""How a frame was searched: all of it, or around the faces of the frame before."""


@dataclass(frozen=True)
class DetectOptions:
    """A caller's options for one picture.

    Attributes:
        max_faces: At most this many faces, the largest; None for all.
        min_face_px: Faces whose shorter side is below this many pixels of the original are left out.
        score_threshold: Lowest detector score, 0..1; None for the manifest's default.
        second_looks: Whether to look again where nothing sure was found; see `app.faces.second_looks`.
        attributes: What is said of each face besides its emotion.
        guide: What a stream knows of this frame before it is searched; None outside one.
    """

    max_faces: int | None = None
    min_face_px: float = 0.0
    score_threshold: float | None = None
    second_looks: bool = True
    attributes: Attributes = ()
    guide: "Guide | None" = None


@dataclass(frozen=True)
class Detection:
    """One face box.

    Attributes:
        xyxy: Left, top, right, bottom in float pixels of the original image, inside it.
        score: The detector's confidence, 0..1.
        rotation_deg: How far the face is turned clockwise in the picture: 0, 90, 180 or 270.
        searched: Whether the detector has found it here; else it looks as in an earlier frame of a stream, where it was
            found.
    """

    xyxy: tuple[float, float, float, float]
    score: float
    rotation_deg: int = 0
    searched: bool = field(default=True, compare=False, repr=False)

    def scaled(self, x: float, y: float) -> "Detection":
        """Return this detection in a picture that is `x` times as wide and `y` times as high."""
        left, top, right, bottom = self.xyxy
        return replace(self, xyxy=(left * x, top * y, right * x, bottom * y))

    @property
    def area(self) -> float:
        """Area in square pixels."""
        left, top, right, bottom = self.xyxy
        return (right - left) * (bottom - top)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, (x, y) in pixels."""
        left, top, right, bottom = self.xyxy
        return (left + right) / 2, (top + bottom) / 2

    @property
    def longer_side_px(self) -> float:
        """Length of the longer side in pixels."""
        left, top, right, bottom = self.xyxy
        return max(right - left, bottom - top)

    @property
    def shorter_side_px(self) -> float:
        """Length of the shorter side in pixels."""
        left, top, right, bottom = self.xyxy
        return min(right - left, bottom - top)


@dataclass(frozen=True)
class Answer:
    """What a classifier says of one face.

    Attributes:
        labels: In the order of the manifest.
        probabilities: One for each label; they sum to 1.
        raw_probabilities: Those of this frame alone if `probabilities` are smoothed over time; else None.
        clear: When it is clear; of the network.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    raw_probabilities: tuple[float, ...] | None = None
    clear: ClearRule = field(default_factory=ClearRule)

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """The labels with their probabilities, the most probable first; equal ones in the order of the manifest."""
        return sorted(zip(self.labels, self.probabilities, strict=True), key=lambda pair: -pair[1])

    @property
    def best(self) -> tuple[str, float]:
        """The most probable label and its probability; of equal ones the first."""
        return self.ranked[0]

    @property
    def margin(self) -> float:
        """By how much the best probability is above the second, 0..1."""
        return margin_of(self.probabilities)

    @property
    def unclear(self) -> bool:
        """Whether the best label is too close to the second, or too improbable, to stand alone."""
        return not is_clear(self.best[1], self.margin, self.clear)


@dataclass(frozen=True, eq=False)
class Known:
    """A face that a stream knows from the frame before, in pixels of this one.

    Attributes:
        detection: As it was last seen.
        expected: Where it is expected now, xyxy.
        answers: What was last said of it.
        searched: Its crop when it was last searched for.
        classified: Its crop when it was last classified.
        fresh: Whether its answers are so new that they may be kept.
    """

    detection: Detection
    expected: Box
    answers: Mapping[str, Answer]
    searched: Crop
    classified: Crop
    fresh: bool


@dataclass(frozen=True, eq=False)
class Guide:
    """How a stream wants its next frame to be searched.

    Attributes:
        whole: Whether all of it is searched, or only around the faces known.
        known: The faces of the frame before.
        changed: Whether anything has changed since all of it was last searched.
    """

    whole: bool
    known: tuple[Known, ...] = ()
    changed: bool = True


@dataclass(frozen=True, eq=False)
class Trace:
    """What a stream remembers of a face for its next frame.

    Attributes:
        crop: The face in this frame.
        searched: Whether it was searched for; else its box is the one before, moved where its crop has moved.
        classified: Whether it was classified; else its answers are those before.
        sure: Whether its score is so high that the next frame's will be above the threshold, too.
    """

    crop: Crop
    searched: bool
    classified: bool
    sure: bool


@dataclass(frozen=True)
class Face:
    """A detection with its classifiers' answers.

    Attributes:
        detection: Where the face is.
        answers: Attribute, such as `emotion` -> what its classifier says.
        track_id: Identifies the face across the frames of a stream; None outside one.
        crop_px: Side of the square that was cut out for the classifiers, in pixels of the original.
        trace: For the next frame of a stream; None outside one.
    """

    detection: Detection
    answers: Mapping[str, Answer]
    track_id: int | None = None
    crop_px: float = 0.0
    trace: Trace | None = field(default=None, compare=False, repr=False)

    @property
    def is_kept(self) -> bool:
        """Whether its answers are those of an earlier frame."""
        return self.trace is not None and not self.trace.classified


@dataclass(frozen=True)
class ImageFaces:
    """The answer for one picture.

    Attributes:
        width: Width of the upright original in pixels.
        height: Height of the upright original in pixels.
        faces: Sorted by area, largest first.
        timings_ms: Milliseconds per stage: `detect` and `classify` for the whole batch; from the engine, `decode` and
            `detail` for this picture.
        truncated: Whether the picture's file was cut off: what is missing was searched as gray.
        search: How it was searched; outside of streams always whole.
        classified: How many answers about its faces came with the search; streams keep some of the frame before.
    """

    width: int
    height: int
    faces: tuple[Face, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    truncated: bool = False
    search: Search = "whole"
    classified: int = 0

    @property
    def is_answered(self) -> bool:
        """Whether all faces have been classified; those of a crowd may be left, see `Pipeline`."""
        return all(face.answers for face in self.faces)
