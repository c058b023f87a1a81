"""What a caller may ask for, as pydantic models."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.wire.attributes import AttributeNames
from app.api.wire.names import options_given, refuse_unknown
from app.faces.types import DetectOptions


class AttributesField(BaseModel):
    """What to say of a face besides its emotion."""

    model_config = ConfigDict(extra="forbid")

    attributes: AttributeNames = Field(
        default=(),
        exclude_if=lambda attributes: not attributes,
        description="What to say of each face besides its emotion, comma-separated, such as gender; see GET /models.",
    )


class OptionFields(AttributesField):
    """Options of a detection, as query parameters or as form fields."""

    max_faces: int | None = Field(default=None, ge=1, le=1000, description="At most this many faces, largest first.")
    min_face_px: float = Field(
        default=0.0, ge=0, le=100_000, description="Leave out faces whose shorter side is below this many pixels."
    )
    score_threshold: float | None = Field(
        default=None, ge=0.05, le=1, description="Lowest detector confidence; default: the weights' own."
    )

    second_looks: bool = Field(
        default=True,
        description="Look again where nothing sure is found: turned faces, faces that fill the picture, long pictures.",
    )

    def to_options(self) -> DetectOptions:
        """Convert to plain values for the engine."""
        return DetectOptions(self.max_faces, self.min_face_px, self.score_threshold, self.second_looks, self.attributes)


class ExplainField(BaseModel):
    """Whether to say why."""

    model_config = ConfigDict(extra="forbid")

    explain: bool = Field(
        default=False,
        description="Say what a face's answer rests on: of the 8 largest faces; on /classify, of at most 8 files.",
    )


class DetectFields(OptionFields, ExplainField):
    """Options of POST /detect."""


class ClassifyFields(AttributesField, ExplainField):
    """Options of POST /classify."""


class QueryFields(BaseModel):
    """Options as query parameters; an empty one means the default."""

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: Any) -> Any:
        refuse_unknown(given, cls.model_fields)
        return options_given(given)


class QueryOptions(OptionFields, QueryFields):
    """Options of POST /detect/batch as query parameters."""


class DetectQuery(DetectFields, QueryFields):
    """Options of POST /detect as query parameters."""


class ClassifyQuery(ClassifyFields, QueryFields):
    """Options of POST /classify as query parameters."""
