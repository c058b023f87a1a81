"""The messages of WS /detect/stream as pydantic models; docs/api.md describes the protocol."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.api.wire.attributes import Share
from app.api.wire.options import OptionFields
from app.api.wire.problems import first_fault
from app.api.wire.schemas import FaceOut, ImageOut, ModelNames, face_out, image_out
from app.errors import InvalidRequest, MienError
from app.faces.types import Face, ImageFaces, Search
from app.manifest import EMOTION

MAX_TEXT_CHARACTERS = 4096


class StreamSettings(OptionFields):
    """What a client may choose for its session."""

    smoothing: bool = Field(default=True, description="Smooth the probabilities of a followed face over time.")
    annotate: bool = Field(default=False, description="Send each picture back with boxes and labels.")
    search: Search = Field(
        default="guided",
        description="guided: most frames are searched only around the faces of the frame before; whole: all of each.",
    )


class SessionUpdate(StreamSettings):
    """A client's changes; settings left out stay as they are."""

    type: Literal["session.update"]


class SessionReset(BaseModel):
    """A client's word that the next frame has nothing to do with those before, as after a seek in a film."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["session.reset"]


class SessionWasReset(BaseModel):
    """All faces from now on are new."""

    type: Literal["session.was_reset"] = "session.was_reset"


class SessionLimits(BaseModel):
    """Limits of a session."""

    max_frame_bytes: int
    max_frames_per_second: float
    max_pixels: int
    idle_timeout_s: float


class SessionCreated(BaseModel):
    """The first message."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    limits: SessionLimits
    settings: StreamSettings
    model: ModelNames


class SessionUpdated(BaseModel):
    """The settings from now on."""

    type: Literal["session.updated"] = "session.updated"
    settings: StreamSettings


class ProblemFields(BaseModel):
    """What went wrong: the fields of RFC 9457 that a message has room for."""

    title: str
    status: int
    code: str
    detail: str


class SessionError(ProblemFields):
    """A text message that could not be processed; the session continues."""

    type: Literal["session.error"] = "session.error"


class FrameError(ProblemFields):
    """A frame that could not be answered; the session continues."""

    type: Literal["frame.error"] = "frame.error"
    seq: int


class FrameDropped(BaseModel):
    """A frame that was dropped."""

    type: Literal["frame.dropped"] = "frame.dropped"
    seq: int
    reason: Literal["superseded", "rate"]


class StreamFace(FaceOut):
    """One face of a frame."""

    raw_probabilities: dict[str, Share] = Field(description="Those of this frame alone.")


class FrameResult(BaseModel):
    """The faces of one frame, largest first."""

    type: Literal["frame.result"] = "frame.result"
    seq: int
    image: ImageOut
    search: Search = Field(description="Whether all of the frame was searched, or only around known faces.")
    faces: list[StreamFace]
    timings_ms: dict[str, float]
    model: ModelNames
    annotated: bool = Field(description="Whether the next message is the annotated picture.")


Text = Annotated[SessionUpdate | SessionReset, Field(discriminator="type")]
_TEXT: TypeAdapter[SessionUpdate | SessionReset] = TypeAdapter(Text)


def parse_text(text: str) -> SessionUpdate | SessionReset:
    """Parse a text message from the client.

    Raises:
        InvalidRequest: If it is no message of the client's, or a setting is unknown or out of range.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"A text message has at most {MAX_TEXT_CHARACTERS} characters; frames go as binary messages."
        )
    try:
        return _TEXT.validate_json(text, strict=True)
    except ValidationError as error:
        raise first_fault(error, "session.update or session.reset") from error


def problem_fields(error: MienError) -> dict[str, str | int]:
    """Describe a `MienError`."""
    return {"title": error.title, "status": error.status, "code": error.code, "detail": str(error)}


def frame_result(seq: int, found: ImageFaces, names: ModelNames, annotated: bool) -> FrameResult:
    """Write the answer for one frame."""
    return FrameResult(
        seq=seq,
        image=image_out(found),
        search=found.search,
        faces=[stream_face(face) for face in found.faces],
        timings_ms={stage: round(value, 2) for stage, value in found.timings_ms.items()},
        model=names,
        annotated=annotated,
    )


def stream_face(face: Face) -> StreamFace:
    """Write one face of a stream."""
    answer = face.answers[EMOTION]
    raw = dict(zip(answer.labels, answer.raw_probabilities or answer.probabilities, strict=True))
    return StreamFace(**face_out(face).model_dump(), raw_probabilities=raw)
