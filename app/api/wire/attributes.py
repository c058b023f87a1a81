"""What callers ask of a face besides its emotion: read from an option, checked against what is loaded, written."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from app.errors import InvalidRequest
from app.faces.types import Answer, Attributes
from app.manifest import EMOTION

MAX_ATTRIBUTES, MAX_SHOWN_CHARACTERS = 16, 64

_NAME = re.compile(r"[\w-]+", re.ASCII)

Share = Annotated[float, Field(ge=0, le=1)]


class AttributeOut(BaseModel):
    """What a network says of a face."""

    label: str = Field(description="The one with the highest probability.")
    confidence: Share = Field(description="That probability.")
    probabilities: dict[str, Share] = Field(description="A probability for each label; they sum to 1.")


def parts_of(given: Any) -> Any:
    """Return comma-separated names, or a list of such, one by one and each once; emotion is always said.

    What is neither is returned as it is, for pydantic to refuse.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
        return given
    names = [name.strip() for each in texts for name in each.split(",")]
    return tuple(dict.fromkeys(name for name in names if name and name != EMOTION))


AttributeNames = Annotated[Attributes, BeforeValidator(parts_of), Field(max_length=MAX_ATTRIBUTES)]


def check_loaded(asked: Attributes, loaded: Collection[str]) -> None:
    """Check that all that is asked can be said.

    Args:
        asked: By the caller.
        loaded: Attributes besides emotion.

    Raises:
        InvalidRequest: If one is not loaded.
    """
    for name in asked:
        if name not in loaded:
            shown = name[:MAX_SHOWN_CHARACTERS]
            start = f" To load it, start the server with MIEN_ATTRIBUTES={shown}." if _NAME.fullmatch(shown) else ""
            raise InvalidRequest(
                f"attributes: this server has not loaded {shown!r}; loaded: {', '.join(loaded) or 'none'}.{start}"
            )


def further_out(answers: Mapping[str, Answer]) -> dict[str, AttributeOut]:
    """Write what is said of a face besides its emotion, by attribute."""
    return {name: _written(answer) for name, answer in answers.items() if name != EMOTION}


def _written(answer: Answer) -> AttributeOut:
    label, confidence = answer.best
    shares = dict(zip(answer.labels, answer.probabilities, strict=True))
    return AttributeOut(label=label, confidence=confidence, probabilities=shares)
