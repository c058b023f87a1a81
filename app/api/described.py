"""What /docs says of the routes that take pictures."""

from typing import Any

from app.api.wire.accept import CSV, JPEG, PNG
from app.api.wire.options import ClassifyFields, DetectFields, OptionFields
from app.api.wire.problems import problem_responses
from app.pictures.decode import FORMATS

MAX_BATCH_FILES, MAX_CLASSIFY_FILES = 32, 64

PROBLEMS = problem_responses(
    {
        400: "The body or the picture is empty, truncated or damaged.",
        401: "An API key is needed.",
        406: "The answer has no form that the request accepts.",
        408: "The body did not arrive in time.",
        413: "Too many bytes, pixels or files.",
        414: "The path and the query are too long.",
        415: "Not a picture format or a coding that is read here.",
        422: "A field or an option is missing, unknown or out of range.",
        431: "The headers are too long, or too many.",
        429: "This client asks too often; Retry-After says when to come back.",
        500: "The networks failed.",
        503: "The server is busy, starting or stopping; Retry-After says when to come back.",
        504: "The answer took too long.",
    }
)

_OPTIONS: dict[str, Any] = OptionFields.model_json_schema()["properties"]
_CLASSIFY_OPTIONS: dict[str, Any] = ClassifyFields.model_json_schema()["properties"]
_DETECT_OPTIONS: dict[str, Any] = DetectFields.model_json_schema()["properties"]
_BINARY = {"type": "string", "format": "binary"}
_BASE64 = {
    "type": "string",
    "description": "The whole file as base64, or a data: address with it; nothing is fetched from other addresses.",
}
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""A gray PNG of one pixel, which Swagger UI can send as it is."""

_TABLE = {"schema": {"type": "string"}, "example": "file,face,emotion,confidence,...\r\na.jpg,1,happy,0.9312,...\r\n"}

DETECT_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The faces, largest first; as JSON, a table, or drawn into the picture, as `Accept` asks.",
        "content": {JPEG: {"schema": _BINARY}, PNG: {"schema": _BINARY}, CSV: _TABLE},
    }
}
TABLE_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "One entry per file, in request order.", "content": {CSV: _TABLE}}
}


def _object(name: str, schema: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: schema, **options}}


def _several(item: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


SINGLE_BODY = _body(
    {
        "multipart/form-data": {"schema": _object("file", _BINARY, _DETECT_OPTIONS)},
        "application/json": {
            "schema": {**_object("image", _BASE64, _DETECT_OPTIONS), "additionalProperties": False},
            "example": {"image": f"data:image/png;base64,{_PIXEL}", "max_faces": 1},
        },
        **{f"image/{each.lower()}": {"schema": _BINARY} for each in FORMATS},
    }
)


def _many(most: int, options: dict[str, Any]) -> dict[str, Any]:
    return _body(
        {
            "multipart/form-data": {"schema": _object("files", _several(_BINARY, most), options)},
            "application/json": {
                "schema": {**_object("images", _several(_BASE64, most), options), "additionalProperties": False},
                "example": {"images": [_PIXEL]},
            },
        }
    )


BATCH_BODY = _many(MAX_BATCH_FILES, _OPTIONS)
CLASSIFY_BODY = _many(MAX_CLASSIFY_FILES, _CLASSIFY_OPTIONS)
