"""What is answered, as pydantic models; the only place that shapes JSON."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.api.wire.attributes import AttributeOut, Share, further_out
from app.api.wire.problems import Problem
from app.faces.types import Answer, Face, ImageFaces
from app.manifest import EMOTION, Manifest, NetworkCard

Truncated = Annotated[
    bool,
    Field(
        exclude_if=lambda truncated: not truncated,
        description="Present, and true, where the file was cut off: the missing part was looked at as gray.",
    ),
]


class Box(BaseModel):
    """A box in pixels of the upright image; the origin is its top left corner."""

    x: float
    y: float
    width: float
    height: float


class AnswerFields(BaseModel):
    """What is said of one face: its emotion, and by its own name what else was asked, such as `gender`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, AttributeOut]

    emotion: str = Field(description="The label with the highest probability.")
    confidence: Share = Field(description="That probability.")
    margin: Share = Field(description="By how much it is above the second highest.")
    unclear: bool = Field(
        description="Whether the two are too close, or the best too low, for the label to stand alone."
    )
    probabilities: dict[str, Share] = Field(description="A probability for each label; they sum to 1.")


class FaceOut(AnswerFields):
    """One face."""

    box: Box
    detection_confidence: Share = Field(description="How sure the detector is that this is a face.")
    track_id: int | None = Field(default=None, description="The same face over the frames of a stream; else null.")
    rotation_deg: int = Field(default=0, description="How far the face is turned clockwise: 0, 90, 180 or 270.")
    crop_px: float = Field(
        default=0.0,
        description="Side of the square that was classified, in pixels of the picture as sent; below 48: enlarged.",
    )


class ImageOut(BaseModel):
    """Size of the upright image in pixels, and whether all of it is there."""

    width: int
    height: int
    truncated: Truncated = False


class ModelNames(BaseModel):
    """Which weights answered, by what they say; see GET /models for more."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    detector: str
    emotion: str


class DetectOut(BaseModel):
    """The faces of one picture, largest first; no face is an empty list."""

    image: ImageOut
    faces: list[FaceOut]
    timings_ms: dict[str, float] = Field(description="Milliseconds by stage; detect and classify are of the batch.")
    model: ModelNames


class ClassifyOut(AnswerFields):
    """What is said of one picture that is already a face."""

    truncated: Truncated = False
    model: ModelNames


class BatchEntry(BaseModel):
    """What all entries of a batch have."""

    file: str | None = Field(default=None, description="The file's name as it was sent, if it was.")


class DetectEntry(DetectOut, BatchEntry):
    """The faces of one file of a batch."""


class ClassifyEntry(ClassifyOut, BatchEntry):
    """What is said of one file of a batch."""


class ErrorOut(BatchEntry):
    """A file of a batch that could not be answered."""

    error: Problem


class DetectBatchOut(BaseModel):
    """One entry per file, in request order."""

    results: list[DetectEntry | ErrorOut]


class ClassifyBatchOut(BaseModel):
    """One entry per file, in request order."""

    results: list[ClassifyEntry | ErrorOut]


def model_names(manifest: Manifest, attributes: Iterable[str] = ()) -> ModelNames:
    """Name the weights files with the start of their hash.

    Args:
        manifest: What is loaded.
        attributes: What is asked besides the emotion.
    """
    detector = _named(manifest.detector_name, manifest.detector)
    said = {each: _named(*manifest.classifiers[each]) for each in (EMOTION, *attributes)}
    return ModelNames(detector=detector, **said)


def _named(name: str, card: NetworkCard) -> str:
    return f"{name}@{card.sha256[:12]}"


def answer_fields(answers: Mapping[str, Answer]) -> AnswerFields:
    """Write what the classifiers say of a face."""
    answer = answers[EMOTION]
    emotion, confidence = answer.best
    return AnswerFields(
        emotion=emotion,
        confidence=confidence,
        margin=round(answer.margin, 4),
        unclear=answer.unclear,
        probabilities=dict(zip(answer.labels, answer.probabilities, strict=True)),
        **further_out(answers),
    )


def face_out(face: Face) -> FaceOut:
    """Write one face."""
    left, top, right, bottom = face.detection.xyxy
    return FaceOut(
        box=Box(x=round(left, 2), y=round(top, 2), width=round(right - left, 2), height=round(bottom - top, 2)),
        detection_confidence=round(face.detection.score, 4),
        track_id=face.track_id,
        rotation_deg=face.detection.rotation_deg,
        crop_px=round(face.crop_px, 2),
        **answer_fields(face.answers).model_dump(),
    )


def image_out(found: ImageFaces) -> ImageOut:
    """Write what is said of the picture itself."""
    return ImageOut(width=found.width, height=found.height, truncated=found.truncated)


def detect_out(found: ImageFaces, names: ModelNames) -> DetectOut:
    """Write the answer for one picture."""
    return DetectOut(
        image=image_out(found),
        faces=[face_out(face) for face in found.faces],
        timings_ms={stage: round(value, 2) for stage, value in found.timings_ms.items()},
        model=names,
    )
